"""A job's lines: read page by page, shown with a bar, turned into curves and one figure."""

import io
import time
from collections.abc import Callable

import pytest

from estimator import EstimatorError, Job, RLEstimator, compare
from estimator.comparison import _draw
from estimator.curves import curves
from estimator.logs import LOG_GROUP, LogReader
from estimator.screen import Screen
from local_mode.local_aws import LocalAws
from tests.estimator.conftest import Make


def put(aws: LocalAws, stream: str, texts: list[str]) -> None:
    logs = aws.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]
    if not groups:
        logs.create_log_group(logGroupName=LOG_GROUP)
    streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=stream)
    if not streams["logStreams"]:
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
    now = int(1000 * time.time())
    events = [{"timestamp": now, "message": text} for text in texts]
    logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)


class Pages:
    """The client of the logs with small pages, as CloudWatch's are for long lines."""

    def __init__(self, client: object) -> None:
        self._client = client
        self.calls = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    def get_log_events(self, **arguments: object) -> dict:
        self.calls += 1
        return self._client.get_log_events(**arguments, limit=10)


def test_every_line_is_read_once_over_pages_and_hosts(aws: LocalAws) -> None:
    put(aws, "many/algo-1-1", [f"a{number}" for number in range(25)])
    put(aws, "many/algo-2-1", [f"b{number}" for number in range(5)])
    put(aws, "many-more/algo-1-1", ["another job's"])
    client = Pages(aws.client("logs"))
    reader = LogReader(client, "many")
    read = [(line.host, line.text) for line in reader.lines()]
    assert read == [("algo-1", f"a{number}") for number in range(25)] + [
        ("algo-2", f"b{number}") for number in range(5)
    ]
    assert client.calls > 4
    put(aws, "many/algo-1-1", ["later"])
    assert [line.text for line in reader.lines()] == ["later"]
    assert list(reader.lines()) == []


def test_a_job_without_lines_yet_has_none(aws: LocalAws) -> None:
    put(aws, "other/algo-1-1", ["x"])
    assert list(LogReader(aws.client("logs"), "not-yet").lines()) == []


def test_without_a_bar_every_line_is_printed() -> None:
    output = io.StringIO()
    with Screen("job", output=output, bar=False) as screen:
        screen.show("algo-1", "progress: 25 % (1 of 4 updates)")
        screen.show("algo-1", "loss: 1")
    assert output.getvalue() == "progress: 25 % (1 of 4 updates)\nloss: 1\n"


def test_lines_of_several_hosts_say_which() -> None:
    output = io.StringIO()
    Screen("job", hosts=2, output=output, bar=False).show("algo-2", "loss: 1")
    assert output.getvalue() == "[algo-2] loss: 1\n"


def test_the_bar_follows_the_progress_and_the_reward(capsys: pytest.CaptureFixture[str]) -> None:
    output = io.StringIO()
    with Screen("my-job", output=output, bar=True) as screen:
        screen.show("algo-1", "progress: 25 % (1 of 4 updates)")
        screen.show("algo-1", "episode_reward_mean: 1.5")
        screen.show("algo-1", "progress: 20 % (another host)")
        screen.show("algo-1", "Training> Name=a, Episode=1, Total reward=3.25, Steps=9")
        screen.show("algo-1", "progress: 100 % (4 of 4 updates)")
    bar = capsys.readouterr().err
    assert "my-job: 100%" in bar
    assert "reward 1.5" in bar
    assert "reward 3.25" in bar
    assert output.getvalue().splitlines() == [
        "episode_reward_mean: 1.5",
        "Training> Name=a, Episode=1, Total reward=3.25, Steps=9",
    ]


def test_wide_apart_speeds_are_shown_by_their_logarithm() -> None:
    jobs = [{"steps_per_second": [(1.0, speed), (2.0, 2 * speed)]} for speed in (1e3, 1e6)]
    assert _draw(["slow", "fast"], jobs).axes[2].get_yscale() == "log"
    assert _draw(["slow"], jobs[:1]).axes[2].get_yscale() == "linear"


@pytest.fixture(scope="module")
def two(local_aws: LocalAws) -> Callable[[Make], list[RLEstimator]]:
    done: list[RLEstimator] = []

    def two(make: Make) -> list[RLEstimator]:
        for task in ("learn", "evaluate")[len(done) :]:
            done.append(make(hyperparameters={"task": task}))
            done[-1].fit(logs=False)
        return done

    return two


def test_the_curves_of_a_job_have_every_value(
    make: Make, two: Callable[[Make], list[RLEstimator]]
) -> None:
    found = curves(two(make)[0].latest_training_job)
    assert [value for _, value in found["episode_reward_mean"]] == [1.5, 3.0, 4.5, 6.0]
    assert [value for _, value in found["reward-training"]] == [1.5, 3.0, 4.5, 6.0]
    for seconds, speed in found["steps_per_second"]:
        assert round(speed * seconds) in (100, 200, 300, 400)
    assert "loss" not in found


def test_one_figure_compares_jobs(make: Make, two: Callable[[Make], list[RLEstimator]]) -> None:
    first, second = two(make)
    figure = compare([first, second.latest_training_job.name], names=["learnt", "judged"])
    rewards, failed, speed = figure.axes
    assert [line.get_label() for line in rewards.lines] == ["learnt"]
    assert list(rewards.lines[0].get_ydata()) == [1.5, 3.0, 4.5, 6.0]
    assert [line.get_label() for line in failed.lines] == ["judged"]
    assert list(failed.lines[0].get_ydata()) == [0.25, 0.25]
    assert len(speed.lines) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["learnt", "judged"]
    (_, missing, _) = compare([first]).axes
    assert missing.texts[0].get_text() == "none of these jobs prints failed_percent"


def test_a_comparison_of_nothing_is_refused(
    make: Make, two: Callable[[Make], list[RLEstimator]]
) -> None:
    with pytest.raises(EstimatorError, match="compare: no jobs"):
        compare([])
    with pytest.raises(EstimatorError, match="has no job"):
        compare([make()])
    with pytest.raises(EstimatorError, match="1 jobs and 2 names"):
        compare([two(make)[0]], names=["a", "b"])
    with pytest.raises(EstimatorError, match="training job nowhere"):
        compare([Job(make().sagemaker_session, "nowhere")])
