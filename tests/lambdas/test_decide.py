"""The function that decides: it answers what the endpoint answers, by the newest approved model."""

import base64
import io
import json
import socket
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from autoscaling_rl.artifact import pack
from autoscaling_rl.controller import observation as obs
from autoscaling_rl.controller.inference import Inference
from lambdas import decide
from lambdas.aws import client
from lambdas.errors import ConfigurationError, UnsafeArtifact
from tests.lambdas.samples import BUCKET, VARIABLES
from tests.training_src.endpoints import autoscaling_artifact, autoscaling_policy, relist, state

GROUP = VARIABLES["MODEL_PACKAGE_GROUP"]
ASKED = {"states": [state(), state(active=3, max_machines=5)]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return folders of two models that decide differently."""
    folder = tmp_path_factory.mktemp("models")
    levels = {"outputs": 3, "levels": (-2, 0, 3)}
    policies = {"one": autoscaling_policy("levels", seed=1, **levels), "two": autoscaling_policy()}
    return {name: autoscaling_artifact(folder / name, each) for name, each in policies.items()}


class Registry:
    """Puts models into the registry in moto."""

    def __init__(self, sagemaker: Any, models: dict[str, Path], folder: Path) -> None:
        self.sagemaker, self.models, self.folder = sagemaker, models, folder

    def add(self, name: str, status: str = "Approved", content: bytes | None = None) -> str:
        archive = self.folder / f"{name}.tar.gz"
        if content is None:
            pack(self.models[name], archive)
            content = archive.read_bytes()
        boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=content)
        url = f"s3://{BUCKET}/{name}/model.tar.gz"
        container = {"Image": "image", "ModelDataUrl": url}
        arn = self.sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus=status,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["application/json"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
        )["ModelPackageArn"]
        return str(arn)

    def answer(self, name: str, body: object = ASKED) -> dict[str, Any]:
        return Inference.load(self.models[name]).respond(body)[1]


@pytest.fixture
def registry(
    sagemaker: Any, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Registry:
    monkeypatch.setattr(decide, "_served", None)
    return Registry(sagemaker, models, tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The function's clock, which a test sets; it looks for a newer package after 100 seconds."""
    now = [1000.0]
    monkeypatch.setenv("REFRESH_SECONDS", "100")
    monkeypatch.setattr(decide.time, "monotonic", lambda: now[0])
    return now


def call(body: Any = ASKED) -> dict[str, Any]:
    return decide.handler(body, None)


def test_the_answer_is_the_endpoints(registry: Registry) -> None:
    registry.add("one")
    assert call() == registry.answer("one")
    rows = {"observations": [[0.1] * obs.SIZE] * 3}
    assert call(rows) == registry.answer("one", rows)
    wrong = {"states": [state(active=-1)]}
    assert call(wrong) == registry.answer("one", wrong)
    assert call(wrong)["error"]["field"] == "states[0].active"


def test_every_decision_is_one_line_of_the_log(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.add("one")
    answer = call()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["message"] for each in lines] == ["model verified", "decision", "decision"]
    assert [each["desired"] for each in lines[1:]] == answer["desired"]
    assert set(lines[1]) >= {"proposal", "doubts", "guards", "features", "fallback", "fleet"}


@pytest.mark.parametrize("encoded", [False, True])
def test_a_function_url_wraps_request_and_answer(registry: Registry, encoded: bool) -> None:
    registry.add("one")

    def ask(text: str) -> tuple[int, Any]:
        body = base64.b64encode(text.encode()).decode() if encoded else text
        answer = call({"requestContext": {}, "body": body, "isBase64Encoded": encoded})
        assert answer["headers"] == {"content-type": "application/json"}
        return answer["statusCode"], json.loads(answer["body"])

    assert ask(json.dumps(ASKED)) == (200, registry.answer("one"))
    for wrong in ("", " ", "{", "[NaN]", "[" * 100_000, "\ufeff" + json.dumps(ASKED)):
        status, answer = ask(wrong)
        assert (status, answer["error"]["field"]) == (400, "body")
        assert answer["error"]["code"] == ("InvalidJson" if wrong.strip() else "InvalidRequest")
    status, answer = ask(" " * (6 << 20) + "{}")
    assert (status, answer["error"]["code"]) == (413, "PayloadTooLarge")
    status, answer = ask(json.dumps({"states": [state(load=[-1.0])]}))
    assert (status, answer["error"]["field"]) == (400, "states[0].load[0]")


def test_the_newest_approved_package_is_taken_after_a_while(
    registry: Registry, clock: list[float]
) -> None:
    assert call()["error"]["code"] == "ModelUnavailable"
    registry.add("one")
    assert call() == registry.answer("one")
    registry.add("two", "PendingManualApproval")
    clock[0] += 101
    assert call() == registry.answer("one")
    registry.add("two")
    clock[0] += 99
    assert call() == registry.answer("one")
    clock[0] += 2
    assert call() == registry.answer("two") != registry.answer("one")


def test_a_model_that_is_no_longer_approved_decides_no_more(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRESH_SECONDS", "0")
    arn = registry.add("one")
    assert call() == registry.answer("one")
    registry.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert call()["error"]["code"] == "ModelUnavailable"


@pytest.mark.parametrize("event", [5, None, True, "requestContext", ["requestContext"], {}])
def test_whatever_comes_is_answered(registry: Registry, event: Any) -> None:
    registry.add("one")
    assert call(event)["error"]["field"] == "body"


@pytest.mark.parametrize("body", [5, True, [1], {"a": 1}])
def test_a_wrapped_body_that_is_no_text_is_refused(registry: Registry, body: Any) -> None:
    registry.add("one")
    for encoded in (False, True):
        event = {"requestContext": {}, "body": body, "isBase64Encoded": encoded}
        answer = call(event)
        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["error"]["field"] == "body"


def test_a_pinned_package_is_kept(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = registry.add("one", "Rejected")
    registry.add("two")
    monkeypatch.setenv("PINNED_MODEL_PACKAGE", pinned)
    assert call() == registry.answer("one")
    monkeypatch.setenv("PINNED_MODEL_PACKAGE", "")
    assert call() == registry.answer("two")  # other settings, another model


def test_what_is_no_base64_is_refused(registry: Registry) -> None:
    registry.add("one")
    text = base64.b64encode(json.dumps(ASKED).encode()).decode()
    for wrong in ("!" + text, text[:8] + "*" + text[8:], "!!!!"):
        answer = call({"requestContext": {}, "body": wrong, "isBase64Encoded": True})
        assert (answer["statusCode"], json.loads(answer["body"])["error"]["field"]) == (400, "body")


def test_who_has_a_model_does_not_wait_for_the_registry(
    registry: Registry, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent one costs seconds, once until the next look; Lambda ends a call after a minute."""
    registry.add("one")
    assert call() == registry.answer("one")
    hasty = client("sagemaker", patient=False).meta.config
    assert hasty.connect_timeout + hasty.read_timeout < 10
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        asked: list[bool] = []

        def asks(service: str, *, patient: bool) -> Any:
            asked.append(patient)
            config = hasty.merge(Config(read_timeout=0.2))
            return boto3.client(service, endpoint_url=address, config=config)

        monkeypatch.setattr(decide, "client", asks)
        clock[0] += 101
        assert [call(), call()] == [registry.answer("one")] * 2
        assert asked == [False]
        silent.settimeout(5)
        silent.accept()[0].close()
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):  # it was tried once
            silent.accept()


def test_a_package_that_is_gone_or_names_no_model_does_not_end_deciding(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFRESH_SECONDS", "0")
    arn = registry.add("one")
    assert call() == registry.answer("one")
    find, newest = decide._find, decide._newest
    monkeypatch.setattr(decide, "_newest", lambda *given: newest(*given) + "9")
    assert call() == registry.answer("one")  # deleted since it was listed
    monkeypatch.setattr(decide, "_newest", newest)
    for specification in ({}, {"InferenceSpecification": {"Containers": [{}]}}):
        described = SimpleNamespace(describe_model_package=lambda **_: specification)  # noqa: B023
        with pytest.raises(UnsafeArtifact, match="names no model: approve a package"):
            find(decide.Settings(pinned_model_package=arn), described)


def spoilt(folder: Path, name: str, change: bytes) -> bytes:
    """Return an artifact with bytes at the end of one file, and its checksum with or without."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(folder.rglob("*.*")):
            data = path.read_bytes() + (change if path.name == name else b"")
            item = tarfile.TarInfo(path.relative_to(folder).as_posix())
            item.size = len(data)
            archive.addfile(item, io.BytesIO(data))
    return buffer.getvalue()


def test_a_model_in_memory_is_not_given_up_for_a_bad_one(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFRESH_SECONDS", "0")
    registry.add("one")
    assert call() == registry.answer("one")
    registry.add("bad", content=spoilt(registry.models["two"], "policy.py", b"\n"))
    assert call() == registry.answer("one")
    kept = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (said,) = [each for each in kept if each["message"] == "model kept"]
    assert "policy.py" in said["reason"]


@pytest.mark.parametrize(
    ("appended", "reason"),
    [
        (b"raise RuntimeError('no')\n", "code cannot serve it .RuntimeError: no"),
        (b"\nInference.respond = lambda *_: (400, {})\n", "refuses its golden observations"),
        (
            b"\nInference.respond = lambda self, body: (200, {'actions': [9] * 200})\n",
            "not what it was in training: golden observation",
        ),
    ],
)
def test_code_that_does_not_do_what_it_did_is_refused(
    registry: Registry, tmp_path: Path, appended: bytes, reason: str
) -> None:
    folder = autoscaling_artifact(tmp_path / "model", autoscaling_policy())
    with (folder / "code/controller/inference.py").open("ab") as code:
        code.write(appended)
    relist(folder)
    registry.models = {"bad": folder}
    registry.add("bad")
    with pytest.raises(UnsafeArtifact, match=reason):
        call()


def test_what_cannot_be_served_is_one_line(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add("one")
    for text, reason in (
        ("{", "GUARD_SETTINGS is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"most_add": 1}', "GUARD_SETTINGS, guard: unknown setting 'most_add'"),
    ):
        monkeypatch.setenv("GUARD_SETTINGS", text)
        with pytest.raises(ConfigurationError, match=reason):
            call()
    monkeypatch.setenv("GUARD_SETTINGS", "{}")
    boto3.client("s3").delete_object(Bucket=BUCKET, Key="one/model.tar.gz")
    with pytest.raises(UnsafeArtifact, match=r"There is no model at s3://.*/one/"):
        call()
    monkeypatch.delenv("MODEL_PACKAGE_GROUP")
    with pytest.raises(ConfigurationError, match="Neither PINNED_MODEL_PACKAGE nor"):
        call()


def test_guard_rails_are_settings_of_the_function(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.add("two")
    monkeypatch.setenv("GUARD_SETTINGS", '{"most_removed": 1}')
    assert call({"states": [state(active=90, pending=[])]})["desired"] == [89]
