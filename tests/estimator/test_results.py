"""Results of evaluations and back-tests, and the decisions of an endpoint."""

import json
import time
from pathlib import Path

import pytest

from estimator import EstimatorError, Predictor, Results, backtest, decisions, fetch_results
from estimator.session import Session
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make

ROOT = Path(__file__).parents[2]
FIGURES = {"failed_percent": 0.1, "machine_hours": 10.0, "gap_closed": 0.5, "values": [1.0]}


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Two days of three policies, in the form of the back-test."""
    costs = {"policy": 1.05, "oracle": 1.0, "static_best": 1.4, "hpa_tuned": 1.1}
    policies = {name: {**FIGURES, "J_over_oracle": cost} for name, cost in costs.items()}
    card = {"window": {"capacity": 10.0}, "policies": policies}
    (tmp_path / "scorecard.json").write_text(json.dumps(card))
    rows = ["minute,load,policy,desired,active,pending,failed"]
    for number, name in enumerate(costs):
        rows += [f"{minute},{20 + minute % 7},{name},3,{3 + number},0,0" for minute in range(2880)]
    (tmp_path / "trajectories.csv").write_text("\n".join(rows))
    return Results(tmp_path)


def test_the_table_begins_with_the_least_cost(results: Results) -> None:
    table = results.table()
    assert list(table.index) == ["oracle", "policy", "hpa_tuned", "static_best"]
    assert list(table.columns) == ["J_over_oracle", "gap_closed", "failed_percent", "machine_hours"]
    assert results.best_baseline() == "hpa_tuned"


def test_the_picture_shows_policy_best_baseline_and_optimum(results: Results) -> None:
    machines, failed = results.picture(day=1, days=0.5).axes
    assert [line.get_label() for line in machines.lines] == ["policy", "hpa_tuned", "oracle"]
    assert [set(line.get_ydata()) for line in machines.lines] == [{3}, {6}, {4}]
    assert list(failed.lines[0].get_xdata()[[0, -1]]) == [24.0, pytest.approx(36.0, abs=0.02)]
    assert len(machines.collections) == 1
    chosen = results.picture(policies="static_best")
    assert [line.get_label() for line in chosen.axes[0].lines] == ["static_best"]
    # Notebooks ask for this.
    assert chosen._repr_png_().startswith(b"\x89PNG")


def test_a_picture_of_what_is_not_there_is_refused(results: Results) -> None:
    with pytest.raises(EstimatorError, match=r"days 2 to 3 have no policy, .*there are 2.0 days"):
        results.picture(day=2)
    with pytest.raises(EstimatorError, match="have no hpa: "):
        results.picture(policies=["hpa"])


def test_an_environment_without_load_has_a_table_and_no_picture(tmp_path: Path) -> None:
    policies = {
        name: {"values": [mean, mean], "mean_return": mean, "standard_deviation": 0.5}
        for name, mean in (("policy", -4.0), ("random", -9.0), ("other", -2.0))
    }
    (tmp_path / "scorecard.json").write_text(json.dumps({"policies": policies}))
    results = Results(tmp_path)
    assert list(results.table().index) == ["other", "policy", "random"]
    assert list(results.table().columns) == ["mean_return", "standard_deviation"]
    assert results.best_baseline() == "other"
    with pytest.raises(EstimatorError, match=r"there is no .*trajectories.csv: only evaluations"):
        results.picture()


def test_results_of_a_job_come_from_s3(make: Make, tmp_path: Path) -> None:
    estimator = make()
    with pytest.raises(EstimatorError, match=r"has no job: call fit\(\) first"):
        fetch_results(estimator, tmp_path)
    estimator.fit(logs=False)
    fetched = fetch_results(estimator, tmp_path / "new")
    names = sorted(path.name for path in fetched.folder.iterdir())
    assert names == ["model.tar.gz", "output.tar.gz", "table.csv"]
    named = fetch_results(estimator.latest_training_job.name, tmp_path / "named")
    assert sorted(path.name for path in named.folder.iterdir()) == names
    with pytest.raises(EstimatorError, match="evaluate the model first"):
        fetched.table()


def test_a_back_test_that_is_refused_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(EstimatorError, match=r"^backtest: .*nothing\.csv") as error:
        backtest(tmp_path / "no.tar.gz", tmp_path / "nothing.csv", tmp_path / "out")
    assert "\n" not in str(error.value)
    with pytest.raises(EstimatorError, match=r"^backtest: .*--dais"):
        backtest(tmp_path / "no.tar.gz", tmp_path / "nothing.csv", tmp_path / "out", dais=3)
    with pytest.raises(EstimatorError, match=r"^backtest: s3://b/model\.tar\.gz .* fetch_results"):
        backtest("s3://b/model.tar.gz", tmp_path / "nothing.csv", tmp_path / "out")


def test_decisions_are_read_from_the_log_of_the_endpoint(aws: LocalAws) -> None:
    logs, group = aws.client("logs"), "/aws/sagemaker/Endpoints/with-a-log"
    decision = {"message": "decision", "time": "t", "level": "info", "desired": 7, "doubts": []}
    lines = [json.dumps(decision | {"timestamp": f"2026-01-31T12:0{n}Z"}) for n in range(2)]
    lines[1:1] = ["not JSON", json.dumps({"message": "listening"}), "3"]
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="AllTraffic/i-0")
    events = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="AllTraffic/i-0", logEvents=events)
    found = decisions(Predictor("with-a-log", Session()), at_least=2)
    assert found["desired"].tolist() == [7, 7]
    assert [moment.minute for moment in found["timestamp"]] == [0, 1]
    assert set(found.columns) == {"desired", "doubts", "timestamp"}


def test_decisions_that_do_not_come_are_not_waited_for_for_ever(aws: LocalAws) -> None:
    with pytest.raises(EstimatorError, match="has 0 decisions, not 1: only those for states"):
        decisions(Predictor("never-there", Session()), timeout=0.1)
