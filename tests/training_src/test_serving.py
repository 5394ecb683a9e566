"""The endpoint: real processes on loopback, and the application alone for whatever is asked."""

import gzip
import http.client
import json
import logging
import math
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import serve
from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.inference import Inference
from autoscaling_rl.controller.state import KEYS
from autoscaling_rl.manifest import MANIFEST
from autoscaling_rl.serving import requests
from autoscaling_rl.serving.application import Application
from autoscaling_rl.serving.logs import JsonLines
from autoscaling_rl.serving.model import Model
from tests.training_src.endpoints import (
    BUNDLE,
    HEAVY,
    JSON,
    autoscaling_artifact,
    autoscaling_policy,
    call,
    cartpole_artifact,
    daily_load,
    relist,
    serving,
    state,
)

CASES = settings(max_examples=max(200, settings().max_examples))
AS_JSON = [(b"content-type", b"application/json")]


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    return autoscaling_artifact(tmp_path_factory.mktemp("serving") / "model")


@pytest.fixture(scope="session")
def endpoint(artifact):
    with serving(artifact) as running:
        running.wait_for("model verified")
        yield running


@pytest.fixture(scope="session")
def application(artifact):
    model = Model(artifact)
    model.load()
    assert model.inference is not None
    made = Application(model)
    yield made
    made.close()


def post(application, body, headers=AS_JSON, **options):
    return call(application, "POST", "/invocations", body, headers, **options)


def unavailable(folder):
    """Return the reason that an application with a wrong model gives."""
    model = Model(folder)
    model.load()
    application = Application(model)
    status, _, answer = call(application, "GET", "/ping")
    assert status == 503
    assert post(application, b"{}")[0] == 503
    assert answer["error"]["code"] == "ModelUnavailable"
    assert "\n" not in answer["error"]["message"]
    return answer["error"]["message"]


# A real process


def test_ping_answers_once_the_model_is_verified(endpoint, artifact):
    version = Inference.load(artifact).version
    status, headers, answer = endpoint.ask("GET", "/ping")
    assert (status, headers["content-type"]) == (200, JSON)
    assert answer == {"status": "ready", "model_version": version}
    log = endpoint.wait_for("model verified")
    assert (log["level"], log["input"], log["model_version"]) == ("info", "states", version)


def test_nothing_heavy_is_imported(endpoint):
    """The process cannot import any of `HEAVY` and serves; its memory says the same."""
    assert endpoint.invoke({"states": [state()]})[0] == 200
    assert endpoint.memory() < 120


def test_golden_observations_get_their_actions(endpoint, artifact):
    with np.load(artifact / "golden.npz") as golden:
        rows, actions = golden["observations"].tolist(), golden["actions"].tolist()
    status, answer = endpoint.invoke({"observations": rows})
    assert (status, answer["actions"]) == (200, actions)
    assert set(answer) == {"actions", "model_version"}


def test_states_are_decided_as_by_the_artifacts_code(endpoint, artifact):
    request = {"states": [state(daily_load(3000)), state(active=40), state(max_machines=5)]}
    status, answer = endpoint.invoke(request)
    assert status == 200
    assert answer == Inference.load(artifact).answer(request)
    assert answer["desired"][2] <= 5


def test_memory_replaces_the_load_over_http(endpoint):
    load, memory = daily_load(3000), None
    for step in range(30):
        asked = state(load[: 2900 + step], timestamp=f"2026-01-05T12:{step:02}Z")
        _, whole = endpoint.invoke({"states": [asked]})
        if memory is not None:
            status, part = endpoint.invoke(
                {"states": [{**asked, "load": asked["load"][-1:], "memory": memory}]}
            )
            assert (status, part) == (200, whole)
        memory = whole["memory"][0]


def test_the_answer_is_json_whatever_the_path(endpoint):
    for method, path, status, allow in (
        ("GET", "/", 404, None),
        ("GET", "/ping/", 404, None),
        ("GET", "/%70ing/%ff", 404, None),
        ("POST", "/ping", 405, "GET"),
        ("GET", "/invocations", 405, "POST"),
        ("DELETE", "/invocations", 405, "POST"),
    ):
        found, headers, answer = endpoint.ask(method, path)
        assert (found, headers.get("allow")) == (status, allow)
        assert set(answer["error"]) == {"code", "message", "field"}


def test_a_body_that_is_too_large_is_refused_without_being_kept(endpoint):
    before = endpoint.memory()
    for _ in range(5):
        status, answer = endpoint.invoke(b" " * (10 << 20))
        assert (status, answer["error"]["code"]) == (413, "PayloadTooLarge")
        parts = (b" " * (1 << 16) for _ in range(160))
        status, _, answer = endpoint.ask("POST", "/invocations", parts)
        assert (status, answer["error"]["field"]) == (413, "body")
    assert endpoint.memory() < before + 40
    assert endpoint.ask("GET", "/ping")[0] == 200


def test_a_huge_body_is_refused_by_its_announcement(endpoint):
    with socket.create_connection(("127.0.0.1", endpoint.port), 30) as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
        )
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.getheader("connection")) == (413, "close")
        answer.read()
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"GET /ping HTTP/9.9\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_mistake_of_the_client(endpoint, head):
    with socket.create_connection(("127.0.0.1", endpoint.port), 30) as connection:
        connection.sendall(head)
        line = connection.recv(1000).partition(b"\r\n")[0]
    assert line.startswith(b"HTTP/1.1 4"), line
    assert endpoint.ask("GET", "/ping")[0] == 200


def test_a_client_that_goes_away_disturbs_nobody(endpoint):
    with socket.create_connection(("127.0.0.1", endpoint.port), 30) as connection:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
    assert endpoint.invoke({"states": [state()]})[0] == 200


def test_ping_is_answered_while_a_large_batch_is_computed(endpoint):
    batch = json.dumps({"states": [state(daily_load(400))] * 1000}).encode()
    answers = []
    sender = threading.Thread(target=lambda: answers.append(endpoint.invoke(batch)))
    sender.start()
    answered = 0
    while not answers and sender.is_alive():
        assert endpoint.ask("GET", "/ping")[0] == 200
        answered += not answers
    sender.join()
    assert answers[0][0] == 200
    assert len(answers[0][1]["actions"]) == 1000
    assert answered > 3


def test_sigterm_finishes_accepted_requests(artifact):
    """One whose body is still coming, and a batch that is being computed; new ones are refused."""
    with serving(artifact) as running:
        running.wait_for("model verified")
        batch = json.dumps({"states": [state(daily_load(400))] * 1000}).encode()
        computing, slow = running.connect(), running.connect()
        computing.request("POST", "/invocations", batch, {"Content-Type": JSON})
        body = json.dumps({"states": [state()]}).encode()
        slow.putrequest("POST", "/invocations")
        slow.putheader("Content-Length", str(len(body)))
        slow.endheaders(body[:20])
        idle = running.connect()
        idle.request("GET", "/ping")
        assert idle.getresponse().read()
        running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        while accepts(running.port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        slow.send(body[20:])
        answers = [json.loads(each.getresponse().read()) for each in (slow, computing)]
        assert [len(answer["actions"]) for answer in answers] == [1, 1000]
        assert running.process.wait(30) == 0
        assert running.wait_for("stopped")["requests"] >= 2
        for connection in (computing, slow, idle):
            connection.close()


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_tampered_artifact_is_reported_not_served(artifact, tmp_path):
    """Started as on SageMaker, by variables; the process stays, so that the reason can be asked."""
    folder = autoscaling_artifact(tmp_path / "model", autoscaling_policy(seed=1))
    (folder / "policy.npz").write_bytes((artifact / "policy.npz").read_bytes())
    with serving(folder, base=tmp_path) as running:
        reason = running.wait_for("model refused")["reason"]
        assert "'policy.npz' is not what its checksum in manifest.json says" in reason
        status, _, answer = running.ask("GET", "/ping")
        assert (status, answer["error"]["message"]) == (503, reason)
        assert running.invoke({"states": [state()]})[0] == 503
        assert running.stop() == 0


def test_every_line_of_the_log_is_json(endpoint):
    """Also what the HTTP server says."""
    with socket.create_connection(("127.0.0.1", endpoint.port), 30) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        connection.recv(1000)
    entry = endpoint.wait_for("Invalid HTTP request received.")
    assert (entry["level"], entry["time"][10]) == ("warning", "T")


def test_a_fault_is_one_line_of_the_log():
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "it %s", ("broke",), sys.exc_info())
    record.details = {"path": BUNDLE, "share": math.nan}
    line = JsonLines().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["level"], entry["message"], entry["path"]) == ("error", "it broke", str(BUNDLE))
    assert "RuntimeError: two\nlines" in entry["trace"]


# Models that cannot be served


def test_a_missing_model_is_named(tmp_path):
    assert "manifest.json is missing" in unavailable(tmp_path / "none")


def test_golden_actions_must_reproduce(artifact, tmp_path):
    folder = autoscaling_artifact(tmp_path / "model", autoscaling_policy(seed=1))
    (folder / "golden.npz").write_bytes((artifact / "golden.npz").read_bytes())
    relist(folder)
    assert "does not reproduce its golden actions" in unavailable(folder)


def test_another_version_of_the_environment_is_refused(tmp_path):
    folder = autoscaling_artifact(tmp_path / "model")
    environment = json.loads((folder / MANIFEST).read_text())["environment"]
    relist(folder, environment={**environment, "version": "observation 0"})
    assert "has version 'observation 0', its code computes observation 1" in unavailable(folder)


def test_code_that_cannot_answer_is_refused(tmp_path):
    folder = autoscaling_artifact(tmp_path / "model")
    (folder / "code/controller/inference.py").unlink()
    relist(folder)
    assert "the artifact's code cannot serve it" in unavailable(folder)


def test_a_fault_in_the_artifact_is_a_reason_too(tmp_path, caplog):
    folder = autoscaling_artifact(tmp_path / "model")
    with (folder / "code/controller/policy.py").open("a") as code:
        code.write("\nPolicy.load = lambda *_: 5\n")
    relist(folder)
    assert "cannot be verified: AttributeError" in unavailable(folder)
    assert "Traceback" in caplog.text


def test_until_it_is_verified_a_model_is_not_served(artifact):
    application = Application(Model(artifact))
    status, _, answer = call(application, "GET", "/ping")
    assert (status, answer["error"]["message"]) == (503, "the model is being verified")


def test_states_need_a_model_for_states(tmp_path):
    model = Model(cartpole_artifact(tmp_path / "model"))
    model.load()
    status, _, answer = post(Application(model), json.dumps({"states": [state()]}).encode())
    assert (status, answer["error"]["field"]) == (400, "states")
    assert "decides on observations alone" in answer["error"]["message"]
    status, _, answer = post(Application(model), b'{"observations": [[0, 0.5, -1, 2]]}')
    assert (status, len(answer["actions"])) == (200, 1)


# Requests


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 200),
        (b"", 200),
        (b"application/json", 200),
        (b"Application/JSON; charset=UTF-8", 200),
        (b'application/json;charset="utf-8";', 200),
        (b"application/json; charset=latin-1", 415),
        (b"application/jsonlines", 415),
        (b"text/csv", 415),
        (b"application/octet-stream", 415),
        (b"\xff\xfe", 415),
    ],
)
def test_the_content_type_must_be_json(application, kind, status):
    headers = [] if kind is None else [(b"content-type", kind)]
    body = json.dumps({"observations": [[0.0] * obs.SIZE]}).encode()
    found, _, answer = post(application, body, headers)
    assert found == status
    assert status == 200 or answer["error"]["field"] == "Content-Type"


def test_a_compressed_body_is_refused(application):
    headers = [*AS_JSON, (b"content-encoding", b"gzip")]
    status, _, answer = post(application, gzip.compress(b"{}"), headers)
    assert (status, answer["error"]["field"]) == (415, "Content-Encoding")
    assert post(application, b"{}", [(b"content-encoding", b"identity")])[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{",
        b"nonsense",
        b"\xff\xfe{}",
        b'{"observations": "\xed\xa0\x80"}',
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"observations": [[NaN]]}',
        b'{"observations": [[Infinity]]}',
        b'{"observations": [[1e999]]}',
        b'{"observations": [[' + b"9" * 5000 + b"]]}",
        b'{"observations": [], "observations": [[1]]}',
        b'{"states": [{"timestamp": "2026", "load": [1], "active": 1, "capacity": 1e-999}]}',
        b"null",
        b"0",
        b"[]",
        b"{}",
    ],
)
def test_a_bad_body_is_a_mistake_of_the_client(application, body):
    status, _, answer = post(application, body)
    assert status == 400
    assert set(answer["error"]) == {"code", "message", "field"}


def test_the_last_of_equal_keys_counts(application):
    row = json.dumps([0.5] * obs.SIZE).encode()
    assert post(application, b'{"observations": 5, "observations": [%b]}' % row)[0] == 200


def test_parts_of_a_body_are_put_together(application):
    body = json.dumps({"observations": [[0.25] * obs.SIZE] * 300}).encode()
    assert post(application, body, size=1000)[2] == post(application, body)[2]


def test_limits_of_the_body(application, monkeypatch):
    monkeypatch.setattr(requests, "LARGEST_BODY", 1000)
    monkeypatch.setattr(requests, "LARGEST_DISCARDED", 5000)
    assert post(application, b" " * 1000)[0] == 400
    for size, headers, close in (
        (1001, [], None),
        (4000, [], None),
        (9000, [], b"close"),
        (0, [(b"content-length", b"1001")], None),
        (0, [(b"content-length", b"5001")], b"close"),
    ):
        status, answered, _ = post(application, b" " * size, headers, size=700)
        assert (status, answered.get(b"connection")) == (413, close)


def test_a_request_that_ends_too_soon_is_not_answered(application):
    assert post(application, None) is None


def test_a_fault_of_ours_is_logged_and_told(artifact, caplog):
    class Faulty:
        version = "0"

        def respond(self, body):
            raise RuntimeError("broken")

    model = Model(artifact)
    model.inference = Faulty()
    status, _, answer = post(Application(model), b"{}")
    assert (status, answer["error"]["code"]) == (500, "InternalError")
    assert "broken" not in answer["error"]["message"]
    assert "RuntimeError: broken" in caplog.text


# All that can be asked

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**63), 2**64, 1e308, 5e-324, -0.0])
    | st.floats()
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)
numbers = st.integers(0, 100) | st.floats(0, 1e12) | st.sampled_from([1e-6, 1e12, 5e-324])
plausible = {
    "timestamp": st.datetimes().map(lambda moment: moment.isoformat()),
    "load": st.lists(numbers, min_size=1, max_size=80),
    "active": st.integers(0, 990_000),
    "capacity": st.floats(1e-6, 1e12),
}
possible = {
    "pending": st.lists(st.integers(0, 50), max_size=70),
    "warmup_minutes": st.integers(0, 60),
    "failure_price": st.floats(0.01, 1e6),
    "min_machines": st.integers(0, 100),
    "max_machines": st.integers(0, 1_000_000),
    "memory": st.none(),
}
states = st.fixed_dictionaries(plausible, optional=possible)
odd_states = st.builds(
    lambda good, bad: {**good, **bad},
    states,
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), values, max_size=2),
)
rows = st.lists(numbers | scalars, min_size=obs.SIZE - 1, max_size=obs.SIZE + 1)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
bodies = st.one_of(
    values,
    st.fixed_dictionaries({"states": st.lists(states | odd_states, max_size=3) | values}),
    st.fixed_dictionaries({"observations": st.lists(rows, max_size=3) | values}),
    st.dictionaries(st.sampled_from(["states", "observations"]), values),
)


@CASES
@given(bodies)
def test_no_json_makes_the_endpoint_fail(application, body):
    try:
        raw = json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate: only its escape can be sent
        raw = json.dumps(body).encode()
    answered(application, raw)


@CASES
@given(st.lists(states, min_size=1, max_size=3))
def test_every_valid_state_is_decided_within_its_limits(application, asked):
    for each in asked:
        if 0 < each.get("max_machines", 0) < each.get("min_machines", 1):
            del each["max_machines"]
    status, answer = answered(application, json.dumps({"states": asked}).encode())
    assert status == 200, answer
    for each, action, desired in zip(asked, answer["actions"], answer["desired"], strict=True):
        assert desired >= each.get("min_machines", 1)
        assert desired <= (each.get("max_machines") or desired)
        assert desired - each["active"] - sum(each.get("pending", [])) == action


@CASES
@given(st.lists(st.dictionaries(st.integers(0, obs.SIZE - 1), finite), min_size=1, max_size=4))
def test_every_finite_observation_is_answered(application, changes):
    asked = [[row.get(place, 0.5) for place in range(obs.SIZE)] for row in changes]
    status, answer = answered(application, json.dumps({"observations": asked}).encode())
    assert status == 200
    assert len(answer["actions"]) == len(asked)
    assert all(abs(action) <= 1_000_000 for action in answer["actions"])


@CASES
@given(st.binary(max_size=200), st.sampled_from([b"", b'{"states": ', b'{"observations": [[']))
def test_no_bytes_make_the_endpoint_fail(application, tail, start):
    answered(application, start + tail)


def answered(application, raw):
    """Return status and answer to a body, which must be an answer or name what is wrong."""
    status, _, answer = post(application, raw)
    assert status in (200, 400), answer
    if status == 400:
        assert answer["error"]["code"] in ("InvalidRequest", "InvalidJson")
        assert answer["error"]["message"]
        assert isinstance(answer["error"]["field"], str)
    return status, answer


# The command


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--port", "x"], "the port is 'x'"),
        (["--port", "65536"], "the port is '65536'"),
        (["--port", "-1"], "the port is '-1'"),
        (["--port", "0", "--host", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0"),
        (["--port", "0", "--host", "no such host"], "cannot listen on no such host port 0"),
        (["--port", "0", "--host", "::ffff:192.0.2.1"], "cannot listen on ::ffff:192.0.2.1"),
    ],
)
def test_a_wrong_address_is_a_mistake_of_the_user(tmp_path, arguments, text):
    assert text in mistake("--model-dir", str(tmp_path), *arguments)


def test_a_port_in_use_is_a_mistake_of_the_user(endpoint, tmp_path):
    text = mistake("--model-dir", str(tmp_path), "--port", str(endpoint.port))
    assert "pass another --host or --port" in text


def mistake(*arguments):
    """Return the line by which a mistake of the user is reported."""
    run = subprocess.run(
        [sys.executable, "serve.py", *arguments], cwd=BUNDLE, capture_output=True, text=True
    )
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    return line


def test_the_model_is_where_sagemaker_puts_it(tmp_path, monkeypatch, capsys):
    for name in ("SAGEMAKER_BASE_DIR", "SM_MODEL_DIR", "SAGEMAKER_BIND_TO_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(serve, "BASE", str(tmp_path / "none"))
    monkeypatch.setattr("autoscaling_rl.paths.BASE", str(tmp_path / "none"))
    monkeypatch.setattr("autoscaling_rl.serving.logs.log_to_stdout", lambda: None)
    assert serve.main([]) == 2
    assert "pass --model-dir DIR, or set SAGEMAKER_BASE_DIR" in capsys.readouterr().err
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert serve.model_folder() == tmp_path / "model"
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "elsewhere"))
    assert serve.model_folder() == tmp_path / "elsewhere"


def test_every_interface_is_listened_on_in_a_container_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "BASE", str(tmp_path))
    assert serve.default_host({}) == "0.0.0.0"
    assert serve.default_host({"SAGEMAKER_BASE_DIR": "/elsewhere"}) == "127.0.0.1"
    monkeypatch.setattr(serve, "BASE", str(tmp_path / "none"))
    assert serve.default_host({}) == "127.0.0.1"


def test_the_list_of_what_is_heavy_is_of_the_bundle():
    needed = (BUNDLE / "requirements.txt").read_text().replace("-", "_")
    assert set(HEAVY) - {"onnxruntime"} <= set(needed.replace("==", " ").split())
