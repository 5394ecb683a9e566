"""Publishes a policy as a version of the edge component; an unchanged one publishes nothing."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.archive import read_files
from lambdas.artifact import LIMITS, MANIFEST, check_artifact, open_model
from lambdas.aws import Client, client, service_errors
from lambdas.edge import EdgeSettings, not_found
from lambdas.errors import ComponentFailed, ConfigurationError
from lambdas.names import EXECUTION_ID
from lambdas.recipe import make_recipe
from lambdas.s3 import archive_address, open_existing, put_new
from lambdas.settings import read_settings
from lambdas.validation import checked, require
from lambdas.versions import newest_first, next_version

CONTENT_TAG = "content"
"""Tag of a version: the SHA-256 of all that it is made of."""

CONFIGURATION = "edge_src/configuration.json"
_LOOK_BACK = 25
"""Versions that are compared with the new one: each costs a call."""
_TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Settings(EdgeSettings):
    """The handler's environment variables; COMPONENT_VERSIONS begins the stage's versions."""

    artifact_bucket: str
    edge_source_s3_uri: str
    component_versions: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the state machine passes on."""

    execution_id: str = checked(EXECUTION_ID)
    model_s3_uri: str = checked(archive_address)


@dataclass(frozen=True)
class Content:
    """What a version is made of: bundle, model, the bundle's configuration, and the sum of all."""

    bundle: bytes
    model: bytes
    configuration: Mapping[str, Any]
    digest: str


def handler(event: Mapping[str, object], context: object) -> dict[str, object]:
    """Run as a Lambda function; see `publish`."""
    settings = read_settings(Settings, os.environ)
    request = require(Request, event)
    with service_errors():
        return publish(
            request, settings=settings, s3=client("s3"), greengrassv2=client("greengrassv2")
        )


def publish(
    request: Request, *, settings: Settings, s3: Client, greengrassv2: Client
) -> dict[str, object]:
    """Publish a version, or find the one that holds the same already.

    Returns:
        `component_version`, and `published`: whether it is new.

    Raises:
        UnsafeArtifact: The artifact is refused.
        ConfigurationError: There is no bundle, or it lacks its configuration.
        ComponentFailed: No version could be made.
    """
    content = _content(request, settings, s3)
    taken: list[str] = []
    for _ in range(_TRIES):
        versions = list(_versions(greengrassv2, settings.component_arn))
        found = _same(greengrassv2, settings, versions, content.digest)
        if found:
            return {"component_version": found, "published": False}
        version = next_version(settings.component_versions, [*versions, *taken])
        if _create(request, settings, s3, greengrassv2, version, content):
            return {"component_version": version, "published": True}
        # Of versions that were deleted the objects remain; only a place that is taken leads here,
        # so that a call that was cut off finds its own again.
        taken = [version, *_kept(s3, settings)]
    raise ComponentFailed(f"{settings.component}: other executions took {_TRIES} versions away")


def _content(request: Request, settings: Settings, s3: Client) -> Content:
    source = settings.edge_source_s3_uri
    absent = ConfigurationError(f"There is no bundle at {source}. Deploy the stage again.")
    bundle = open_existing(s3, source, absent=absent).read()
    model = open_model(s3, request.model_s3_uri).read()
    check_artifact(io.BytesIO(model))
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            configuration = json.loads(archive.read(CONFIGURATION))
            # An archive's own bytes hold times and the way it was packed.
            files = {name: archive.read(name) for name in sorted(archive.namelist())}
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ConfigurationError(
            f"{source} holds no {CONFIGURATION} ({error}). Deploy it again."
        ) from error
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    whole = json.dumps(
        {
            "bundle": sums,
            "model": _model_sums(model),
            "recipe": _recipe(settings, "0.0.0", configuration),
        },
        sort_keys=True,
    )
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return Content(bundle, model, configuration, digest)


def _model_sums(model: bytes) -> object:
    """Return what the manifest lists: all of the model but the figures that it was judged by."""
    files = read_files(io.BytesIO(model), limits=LIMITS, wanted=lambda name: name == MANIFEST)
    return next(json.loads(data)["files"] for _, data in files)


def _versions(greengrassv2: Client, arn: str) -> Iterator[str]:
    """Yield the component's versions, newest first; none if it has none yet."""
    pages = greengrassv2.get_paginator("list_component_versions")
    try:
        for page in pages.paginate(arn=arn):
            for item in page["componentVersions"]:
                yield item["componentVersion"]
    except ClientError as error:
        if not not_found(error):
            raise


def _same(greengrassv2: Client, settings: Settings, versions: list[str], digest: str) -> str | None:
    for version in newest_first(settings.component_versions, versions)[:_LOOK_BACK]:
        found = greengrassv2.describe_component(arn=settings.version_arn(version))
        usable = found["status"]["componentState"] not in ("FAILED", "DEPRECATED")
        if usable and found.get("tags", {}).get(CONTENT_TAG) == digest:
            return version
    return None


def _create(
    request: Request,
    settings: Settings,
    s3: Client,
    greengrassv2: Client,
    version: str,
    content: Content,
) -> bool:
    """Make a version; return False if another execution was faster with this number."""
    files = (content.bundle, content.model)
    # What lies there may be what another execution is about to publish: never write over it.
    for data, uri in zip(files, _addresses(settings, version), strict=True):
        if not put_new(s3, uri, data):
            return False
    recipe = _recipe(settings, version, content.configuration)
    try:
        greengrassv2.create_component_version(
            inlineRecipe=json.dumps(recipe).encode(),
            tags={CONTENT_TAG: content.digest, **settings.tags(request.execution_id)},
        )
    except ClientError as error:
        if error.response["Error"].get("Code") != "ConflictException":
            raise
        return False
    return True


def _kept(s3: Client, settings: Settings) -> Iterator[str]:
    """Yield the stage's versions of which objects lie in the bucket."""
    prefix = f"{_folder(settings)}{settings.component_versions}."
    pages = s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=settings.artifact_bucket, Prefix=prefix, Delimiter="/"):
        for item in page.get("CommonPrefixes", ()):
            yield item["Prefix"].removeprefix(_folder(settings)).rstrip("/")


def _folder(settings: Settings) -> str:
    return f"greengrass/{settings.component}/"


def _addresses(settings: Settings, version: str) -> tuple[str, str]:
    root = f"s3://{settings.artifact_bucket}/{_folder(settings)}{version}"
    return f"{root}/edge_src.zip", f"{root}/model.tar.gz"


def _recipe(
    settings: Settings, version: str, configuration: Mapping[str, Any]
) -> dict[str, object]:
    bundle, model = _addresses(settings, version)
    try:
        return make_recipe(
            component=settings.component,
            version=version,
            bundle=bundle,
            model=model,
            configuration=configuration,
        )
    except ValueError as error:
        raise ConfigurationError(f"The component's recipe would be refused: {error}") from error
