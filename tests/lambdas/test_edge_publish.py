"""Publishing a policy, against the emulated Greengrass: real handlers, boto3 over HTTP.

The emulator is this project's own; nothing here has spoken to AWS.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdas import edge_publish
from lambdas.errors import ComponentFailed, ConfigurationError, InvalidInput, UnsafeArtifact
from lambdas.settings import read_settings
from local_mode.local_aws import LocalAws
from tests.lambdas.edge import (
    BUCKET,
    CONFIGURATION,
    EXECUTION,
    ROOT,
    bundle,
    deploy,
    model,
    model_uri,
    publish,
    put,
)

pytestmark = pytest.mark.usefixtures("edge_variables")


def test_a_policy_becomes_a_version_with_its_artifacts(aws: LocalAws, component: str) -> None:
    content = model()
    put(aws, model_uri(component), content)
    assert publish(component) == {"component_version": "1.0.0", "published": True}
    client, arn = aws.client("greengrassv2"), f"{ROOT}:{component}:versions:1.0.0"
    deploy("1.0.0")
    found = client.describe_component(arn=arn)
    assert found["status"]["componentState"] == "DEPLOYABLE"
    assert (found["tags"]["stage"], found["tags"]["execution"]) == ("dev", EXECUTION)
    recipe = json.loads(client.get_component(arn=arn)["recipe"])
    uris = [it["Uri"] for it in recipe["Manifests"][0]["Artifacts"]]
    root = f"s3://{BUCKET}/greengrass/{component}/1.0.0"
    assert uris == [f"{root}/edge_src.zip", f"{root}/model.tar.gz"]
    key = f"greengrass/{component}/1.0.0/model.tar.gz"
    assert aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == content
    configuration = recipe["ComponentConfiguration"]["DefaultConfiguration"]
    assert configuration == {"Topics": {"telemetry": f"dt/{component}/x"}, "limit": 0.5}


def published_model(aws: LocalAws, component: str, version: str) -> bytes:
    key = f"greengrass/{component}/{version}/model.tar.gz"
    found: bytes = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return found


def test_the_same_policy_publishes_nothing(
    aws: LocalAws, component: str, edge_variables: dict[str, str]
) -> None:
    publish(component)
    assert publish(component) == {"component_version": "1.0.0", "published": False}
    # Judged again, and packed again: neither changes what a device would run.
    put(aws, model_uri(component), model(evaluation={"J": 1.5}))
    put(aws, edge_variables["EDGE_SOURCE_S3_URI"], bundle(moment=1999))
    assert publish(component) == {"component_version": "1.0.0", "published": False}


def test_what_changes_makes_a_version_and_an_older_one_comes_back(
    aws: LocalAws, component: str, edge_variables: dict[str, str]
) -> None:
    publish(component)
    put(aws, model_uri(component), model(seed=2))
    assert publish(component) == {"component_version": "1.0.1", "published": True}
    put(aws, edge_variables["EDGE_SOURCE_S3_URI"], bundle({**CONFIGURATION, "limit": 0.6}))
    assert publish(component) == {"component_version": "1.0.2", "published": True}
    put(aws, edge_variables["EDGE_SOURCE_S3_URI"], bundle())
    put(aws, model_uri(component), model())
    assert publish(component) == {"component_version": "1.0.0", "published": False}


def test_another_stage_counts_for_itself(component: str, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(component)
    monkeypatch.setenv("COMPONENT_VERSIONS", "1.1")
    assert publish(component) == {"component_version": "1.1.0", "published": True}


def test_a_version_that_somebody_else_took_is_counted_over(
    aws: LocalAws, component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = edge_publish._versions
    stale: Iterator[list[str]] = iter([[]])  # the list as it was before the other execution
    first, second = model(), model(seed=6)  # an archive holds the time at which it was made
    put(aws, model_uri(component), first)
    publish(component)
    monkeypatch.setattr(edge_publish, "_versions", lambda *given: next(stale, seen(*given)))
    put(aws, model_uri(component), second)
    assert publish(component)["component_version"] == "1.0.1"
    assert published_model(aws, component, "1.0.0") == first
    assert published_model(aws, component, "1.0.1") == second


def test_what_another_execution_is_about_to_publish_is_not_written_over(
    aws: LocalAws, component: str
) -> None:
    root, theirs = f"s3://{BUCKET}/greengrass/{component}/1.0.0", model(seed=6)
    put(aws, f"{root}/edge_src.zip", bundle())
    put(aws, f"{root}/model.tar.gz", theirs)
    assert publish(component) == {"component_version": "1.0.1", "published": True}
    assert published_model(aws, component, "1.0.0") == theirs


def test_versions_that_were_deleted_are_counted_over(
    aws: LocalAws, component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their objects remain; more of them than tries, and than a page of S3 holds."""
    for number in range(30):
        put(aws, f"s3://{BUCKET}/greengrass/{component}/1.0.{number}/model.tar.gz", b"gone")
    for version in ("1.1.70", "1.0.80-beta", "1.0.x"):
        put(aws, f"s3://{BUCKET}/greengrass/{component}/{version}/model.tar.gz", b"other")
    s3 = edge_publish.client("s3")
    s3.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 5}
    )
    clients = {"s3": s3, "greengrassv2": edge_publish.client("greengrassv2")}
    monkeypatch.setattr(edge_publish, "client", clients.__getitem__)
    assert publish(component) == {"component_version": "1.0.30", "published": True}
    assert publish(component) == {"component_version": "1.0.30", "published": False}
    put(aws, model_uri(component), model(seed=2))
    assert publish(component) == {"component_version": "1.0.31", "published": True}


def test_a_call_that_was_cut_off_is_repeated(aws: LocalAws, component: str) -> None:
    root, content = f"s3://{BUCKET}/greengrass/{component}/1.0.0", model()
    put(aws, model_uri(component), content)
    put(aws, f"{root}/edge_src.zip", bundle())
    put(aws, f"{root}/model.tar.gz", content)
    assert publish(component) == {"component_version": "1.0.0", "published": True}


def test_versions_that_somebody_made_by_hand_are_passed_over(aws: LocalAws, component: str) -> None:
    manifests = [{"Platform": {"runtime": "*"}, "Lifecycle": {"run": {"Script": "true"}}}]
    recipe = {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": component,
        "ComponentVersion": "1.0.7-beta",
        "Manifests": manifests,
    }
    aws.client("greengrassv2").create_component_version(inlineRecipe=json.dumps(recipe))
    assert publish(component)["component_version"] == "1.0.0"
    assert publish(component) == {"component_version": "1.0.0", "published": False}


def test_a_failed_version_is_not_taken_for_the_same(
    aws: LocalAws, component: str, edge_variables: dict[str, str]
) -> None:
    settings = read_settings(edge_publish.Settings, edge_variables)
    request = edge_publish.Request(execution_id=EXECUTION, model_s3_uri=model_uri(component))
    content = edge_publish._content(request, settings, aws.client("s3"))
    recipe = edge_publish._recipe(settings, "1.0.0", CONFIGURATION)  # whose artifacts are missing
    aws.client("greengrassv2").create_component_version(
        inlineRecipe=json.dumps(recipe), tags={edge_publish.CONTENT_TAG: content.digest}
    )
    with pytest.raises(ComponentFailed, match=r"1\.0\.0 is FAILED: s3://edge-artifacts/greengrass"):
        deploy("1.0.0")
    assert publish(component) == {"component_version": "1.0.1", "published": True}


@pytest.mark.parametrize(
    ("uri", "body", "error"),
    [
        ("model", b"no archive", UnsafeArtifact),
        ("model", None, UnsafeArtifact),
        ("bundle", None, ConfigurationError),
        ("bundle", b"no archive", ConfigurationError),
        ("bundle", bundle([]), ConfigurationError),
        (
            "bundle",
            bundle({"accessControl": {"s": {"x": {"operations": ["*"]}}}}),
            ConfigurationError,
        ),
    ],
)
def test_what_cannot_run_is_not_published(
    aws: LocalAws,
    component: str,
    edge_variables: dict[str, str],
    uri: str,
    body: bytes | None,
    error: type[Exception],
) -> None:
    place = model_uri(component) if uri == "model" else edge_variables["EDGE_SOURCE_S3_URI"]
    if body is None:
        aws.client("s3").delete_object(Bucket=BUCKET, Key=place.partition(f"{BUCKET}/")[2])
    else:
        put(aws, place, body)
    with pytest.raises(error):
        publish(component)
    versions = aws.client("greengrassv2").list_component_versions(arn=f"{ROOT}:{component}")
    assert versions["componentVersions"] == []


def test_a_package_without_the_bundle_cannot_be_published(
    component: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGE_SOURCE_S3_URI")
    with pytest.raises(ConfigurationError, match="EDGE_SOURCE_S3_URI is not set"):
        publish(component)


def test_the_bundle_of_the_checkout_is_published(
    aws: LocalAws, component: str, edge_variables: dict[str, str]
) -> None:
    source = Path(__file__).parents[2] / "edge_src"
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, f"edge_src/{path.relative_to(source)}")
    put(aws, edge_variables["EDGE_SOURCE_S3_URI"], raw.getvalue())
    deploy(publish(component)["component_version"])


def test_a_wrong_request_is_refused() -> None:
    with pytest.raises(InvalidInput):
        edge_publish.handler({"deployment_id": "?", "else": 1}, None)
