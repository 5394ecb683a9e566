"""The endpoint: real processes on loopback, and the command that starts them."""

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

import serve
from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.inference import Inference
from autoscaling_rl.serving.logs import JsonLines
from tests.training_src.endpoints import (
    BUNDLE,
    HEAVY,
    JSON,
    autoscaling_artifact,
    autoscaling_policy,
    daily_load,
    serving,
    state,
)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    return autoscaling_artifact(tmp_path_factory.mktemp("serving") / "model")


@pytest.fixture(scope="session")
def endpoint(artifact):
    with serving(artifact) as running:
        running.wait_for("model verified")
        yield running


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


def test_another_protocol_is_refused_where_it_would_lose_the_body(endpoint):
    upgrade = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMA"}
    body = json.dumps({"states": [state()]}).encode()
    for sent in (body, iter([body])):  # with its length, and chunked
        status, headers, answer = endpoint.ask("POST", "/invocations", sent, **upgrade)
        found = status, answer["error"]["field"], headers["connection"]
        assert found == (400, "Upgrade", "close")
    assert endpoint.ask("GET", "/ping", **upgrade)[0] == 200


def test_what_comes_after_a_body_is_no_header(endpoint):
    body = json.dumps({"states": [state()]}).encode()
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailers = b"Content-Encoding: gzip\r\nContent-Type: text/csv\r\n\r\n"
    with socket.create_connection(("127.0.0.1", endpoint.port), 30) as connection:
        connection.sendall(head + b"%x\r\n%s\r\n0\r\n" % (len(body), body) + trailers)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


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


def test_the_end_does_not_wait_for_work_that_a_drain_gave_up(artifact):
    endless = (
        "import time; from autoscaling_rl.serving import application, server; "
        "server.DRAIN_SECONDS = 1; application.respond = lambda *given: time.sleep(60)"
    )
    with serving(artifact, first=endless) as running:
        running.wait_for("model verified")
        asking = running.connect()
        asking.request("POST", "/invocations", json.dumps({"states": [state()]}))
        assert running.ask("GET", "/ping")[0] == 200
        running.process.send_signal(signal.SIGTERM)
        assert asking.getresponse().status == 503
        asking.close()
        assert running.process.wait(20) == 0
        assert running.wait_for("stopped")


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


def test_every_decision_is_one_line_that_explains_it(artifact):
    load = daily_load(300)
    with serving(artifact, "--guard", '{"most_removed": 1}') as running:
        version = running.wait_for("model verified")["model_version"]
        unsure = state([*load, None, None, None], active=40)
        status, answer = running.invoke({"states": [state(load, active=90), unsure]})
        assert status == 200
        running.stop()
        told = [entry for entry in running.log if entry["message"] == "decision"]
    assert [each["desired"] for each in told] == answer["desired"] == [90, 41]
    first, second = told
    assert (first["model_version"], first["timestamp"]) == (version, "2026-01-05T12:00Z")
    assert (first["fleet"], first["doubts"], first["fallback"]) == (91, [], False)
    assert [each["guard"] for each in first["guards"]][-1:] == ["pace"]
    assert first["guards"][-1]["after"] == 90
    assert list(first["features"]) == list(obs.NAMES)
    assert (second["doubts"], second["fallback"]) == (["stale"], True)
    assert second["guards"][-1] == {"guard": "floor", "before": 40, "after": 41}


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
    assert serve.main([]) == 2
    assert "pass --model-dir DIR, or set SAGEMAKER_BASE_DIR" in capsys.readouterr().err
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert serve.model_folder() == tmp_path / "model"
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "elsewhere"))
    assert serve.model_folder() == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[1]", "guard: must be a JSON object"),
        ('{"most_add": 1}', "guard: unknown setting 'most_add', known are"),
        ('{"peak_factor": 0.5}', "guard: peak_factor must be a number from 1.0"),
    ],
)
def test_wrong_guard_settings_end_before_anything_is_served(
    tmp_path, monkeypatch, capsys, text, reason
):
    monkeypatch.setenv("GUARD_SETTINGS", text)
    assert serve.main(["--model-dir", str(tmp_path), "--port", "0"]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert "correct --guard or GUARD_SETTINGS" in error


def test_every_interface_is_listened_on_in_a_container_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(serve, "BASE", str(tmp_path))
    assert serve.default_host({}) == "0.0.0.0"
    assert serve.default_host({"SAGEMAKER_BASE_DIR": "/elsewhere"}) == "127.0.0.1"
    monkeypatch.setattr(serve, "BASE", str(tmp_path / "none"))
    assert serve.default_host({}) == "127.0.0.1"


def test_the_list_of_what_is_heavy_is_of_the_bundle():
    needed = (BUNDLE / "requirements.txt").read_text().replace("-", "_")
    assert set(HEAVY) - {"onnxruntime"} <= set(needed.replace("==", " ").split())
