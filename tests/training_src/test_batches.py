"""Requests that come at once are answered together, each as if it were alone."""

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.controller.inference import Inference
from autoscaling_rl.serving.admission import Queue
from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.model import Model
from tests.training_src.endpoints import AS_JSON, autoscaling_artifact, cartpole_artifact, state
from tests.training_src.jobs import observations


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return cartpole_artifact(tmp_path_factory.mktemp("artifact") / "model")


class Counted:
    """An inference that notes how many requests were answered by one call."""

    version = "0"
    guard_settings = None

    def __init__(self, inference=None, fails=()):
        self.inference, self.fails, self.calls = inference, fails, []

    def respond(self, body):
        self.calls.append(1)
        if body in self.fails:
            raise RuntimeError("broken")
        return self.inference.respond(body)

    def respond_all(self, bodies):
        self.calls.append(len(bodies))
        if any(body in self.fails for body in bodies):
            raise RuntimeError("broken")
        return self.inference.respond_all(bodies)


def ask_at_once(inference, bodies, queue=None, during=lambda tasks: None):
    """Return status and answer of each request, all sent in one turn of the event loop."""
    model = Model(None)
    model.inference = inference
    application = Application(model, queue)

    async def ask(body):
        messages, sent = [{"type": "http.request", "body": json.dumps(body).encode()}], []

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        scope = {"method": "POST", "path": "/invocations", "headers": AS_JSON}
        await application(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def ask_all():
        tasks = [asyncio.create_task(ask(body)) for body in bodies]
        await asyncio.sleep(0)
        during(tasks)
        return await asyncio.wait_for(asyncio.gather(*tasks), 30)

    try:
        return asyncio.run(ask_all())
    finally:
        application.close()


def rows(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4)).round(3).tolist()


def test_what_comes_at_once_is_decided_by_one_pass(artifact):
    alone = Inference.load(artifact)
    counted = Counted(alone)
    bodies = [{"observations": rows(1 + place % 3, place)} for place in range(100)]
    answers = ask_at_once(counted, bodies, Queue(most_requests=1))
    assert answers == [alone.respond(body) for body in bodies]
    assert counted.calls == [32, 32, 32, 4]
    assert len({str(answer) for _, answer in answers}) > 5


def test_a_lone_request_is_answered_by_itself(artifact):
    counted = Counted(Inference.load(artifact))
    ask_at_once(counted, [{"observations": rows(2)}])
    assert counted.calls == [1]


def test_a_wrong_request_leaves_its_neighbours_alone(artifact):
    alone = Inference.load(artifact)
    bodies = [
        {"observations": rows(1)},
        {"observations": [[1.0, 2.0, 3.0, True]]},
        {"observations": [[1.0, 2.0, 3.0, 1e39]]},
        {"observations": [[1.0]]},
        {"observations": "none"},
        {"observations": []},
        {"other": 1},
        {"states": [state()]},
        {"observations": rows(3)},
        [],
        None,
    ]
    answers = ask_at_once(alone, bodies)
    assert [status for status, _ in answers] == [200, *[400] * 7, 200, 400, 400]
    assert answers == [alone.respond(body) for body in bodies]


def test_a_fault_hits_the_request_that_brings_it(artifact, caplog):
    alone = Inference.load(artifact)
    good, bad = {"observations": rows(1)}, {"observations": rows(2)}
    answers = ask_at_once(Counted(alone, fails=[bad]), [good, bad, good])
    assert [status for status, _ in answers] == [200, 500, 200]
    assert answers[0] == answers[2] == alone.respond(good)
    assert "broken" not in str(answers)
    assert "RuntimeError: broken" in caplog.text


def test_who_is_given_up_holds_up_nobody(artifact):
    alone = Inference.load(artifact)
    bodies = [{"observations": rows(1, place)} for place in range(3)]
    answers = ask_at_once(alone, bodies, during=lambda tasks: tasks[1].cancel())
    assert [status for status, _ in answers] == [200, 503, 200]


def test_the_code_of_an_older_artifact_answers_one_by_one(artifact, caplog):
    class Older:
        version = "0"

        def respond(self, body):
            return 200, {"rows": len(body["observations"])}

    bodies = [{"observations": rows(count)} for count in (1, 2, 3)]
    assert [answer["rows"] for _, answer in ask_at_once(Older(), bodies)] == [1, 2, 3]
    assert not caplog.records


def test_more_rows_than_a_request_may_have_are_not_joined(artifact):
    alone = Inference.load(artifact)
    bodies = [{"observations": rows(6000)}, {"observations": rows(6000, 1)}]
    assert alone.respond_all(bodies) == [alone.respond(body) for body in bodies]
    assert alone.respond_all([]) == []


def test_a_model_for_states_acts_on_observations_together_too(tmp_path):
    alone = Inference.load(autoscaling_artifact(tmp_path / "model"))
    size = alone._policy.inputs
    given_rows = observations(6, inputs=size).tolist()
    bodies = [{"observations": given_rows[:2]}, {"states": [state()]}, {"observations": given_rows}]
    answers = ask_at_once(alone, bodies)
    assert [status for status, _ in answers] == [200] * 3
    assert answers == [alone.respond(body) for body in bodies]


numbers = st.floats(-100, 100, width=32) | st.integers(-5, 5)
anything = st.none() | st.booleans() | st.text(max_size=3) | st.floats() | st.just(10**400)
row = st.lists(numbers, min_size=4, max_size=4)
odd_row = st.lists(numbers | anything, max_size=5) | anything
body = (
    st.fixed_dictionaries({"observations": st.lists(row, max_size=4)})
    | st.fixed_dictionaries({"observations": st.lists(row | odd_row, max_size=3) | anything})
    | st.dictionaries(st.sampled_from(["observations", "states", "x"]), anything, max_size=2)
    | anything
)


@given(bodies=st.lists(body, max_size=6))
def test_together_or_alone_the_answers_are_the_same(artifact, bodies):
    alone = Inference.load(artifact)
    assert alone.respond_all(bodies) == [alone.respond(each) for each in bodies]
