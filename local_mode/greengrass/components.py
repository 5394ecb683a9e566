"""Component versions of the emulated control plane: immutable, checked, digests from the S3."""

import base64
import hashlib
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from local_mode.aws.protocol import AwsError, Document, now
from local_mode.aws.rest import rest_page
from local_mode.aws.storage import S3Location, Storage, StorageError
from local_mode.greengrass.arns import component_arn, parse_component
from local_mode.greengrass.recipes import problems
from local_mode.greengrass.tokens import Tokens

SETTLE_SECONDS = 0.1
"""How long a version stays in each state before it can be deployed; on AWS it is seconds."""

_ALGORITHM = "SHA-256"


@dataclass
class ComponentVersion:
    """One version.

    Attributes:
        recipe: With the digests of its artifacts, once these are known.
        state: REQUESTED, INITIATED, DEPLOYABLE or FAILED.
        errors: By artifact, why it failed.
    """

    recipe: Document
    tags: dict[str, str]
    created: datetime = field(default_factory=now)
    state: str = "REQUESTED"
    message: str = "NONE"
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The component's name."""
        return str(self.recipe["ComponentName"])

    @property
    def version(self) -> str:
        """The version."""
        return str(self.recipe["ComponentVersion"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return component_arn(self.name, self.version)

    def status(self) -> Document:
        """Return the member `status` of an answer."""
        return {"componentState": self.state, "message": self.message, "errors": dict(self.errors)}

    def platforms(self) -> list[Document]:
        """Return the member `platforms` of an answer."""
        return [
            {"attributes": dict(manifest.get("Platform", {}))}
            for manifest in self.recipe["Manifests"]
        ]

    def artifacts(self) -> Iterator[dict[str, Any]]:
        """Yield every artifact of every manifest; what is changed there is changed here."""
        for manifest in self.recipe["Manifests"]:
            yield from manifest.get("Artifacts", ())


class ComponentVersions:
    """The private components of the account.

    Args:
        storage: Where the artifacts are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._versions: dict[tuple[str, str], ComponentVersion] = {}
        self._tokens = Tokens()
        self._lock = threading.Lock()

    def create(self, request: Document) -> Document:
        """CreateComponentVersion.

        Raises:
            AwsError: ValidationException, or ConflictException for a version that exists.
        """
        content, token = request.get("inlineRecipe"), request.get("clientToken")
        if content is None:
            raise AwsError("ValidationException", "inlineRecipe is missing; no functions here.")
        recipe = _read_recipe(content)
        made = ComponentVersion(recipe, dict(request.get("tags", {})))
        key = (made.name, made.version)
        with self._lock:
            before = self._tokens.answer(token, content)
            if before is not None:
                return before
            if key in self._versions:
                why = f"Component [{made.name} : {made.version}] for account exists already."
                raise AwsError("ConflictException", why, details=_named(made.arn))
            self._versions[key] = made
            answer = {
                "arn": made.arn,
                "componentName": made.name,
                "componentVersion": made.version,
                "creationTimestamp": made.created,
                "status": made.status(),
            }
            self._tokens.keep(token, content, answer)
        name = f"emulated-{made.name}"
        threading.Thread(target=self._settle, args=(made,), name=name, daemon=True).start()
        return answer

    def _settle(self, made: ComponentVersion) -> None:
        time.sleep(SETTLE_SECONDS)
        made.state = "INITIATED"
        time.sleep(SETTLE_SECONDS)
        digests = []
        for artifact in made.artifacts():
            uri = artifact["Uri"]
            try:
                digests.append((artifact, self._digest(uri)))
            except StorageError as error:
                made.errors[uri] = f"Specified artifact resource cannot be accessed: {error}"
        if made.errors:
            made.message = "One or more artifacts of the component cannot be accessed"
            made.state = "FAILED"
            return
        for artifact, digest in digests:
            artifact.update(Digest=digest, Algorithm=_ALGORITHM)
        made.state = "DEPLOYABLE"

    def _digest(self, uri: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "artifact"
            self._storage.download(S3Location.parse(uri), file)
            with file.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256")
        return base64.b64encode(found.digest()).decode()

    def find(self, name: str, version: str) -> ComponentVersion | None:
        """Return a version, None if there is none."""
        with self._lock:
            return self._versions.get((name, version))

    def get_by_arn(self, arn: str) -> ComponentVersion:
        """Return a version by its ARN.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        found = self.find(*parse_component(arn))
        if found is None:
            why = f"Component version {arn} does not exist."
            raise AwsError("ResourceNotFoundException", why, details=_named(arn))
        return found

    def describe(self, request: Document) -> Document:
        """DescribeComponent."""
        found = self.get_by_arn(request["arn"])
        return {
            "arn": found.arn,
            "componentName": found.name,
            "componentVersion": found.version,
            "creationTimestamp": found.created,
            "publisher": found.recipe.get("ComponentPublisher"),
            "description": found.recipe.get("ComponentDescription"),
            "status": found.status(),
            "platforms": found.platforms(),
            "tags": dict(found.tags),
        }

    def get(self, request: Document) -> Document:
        """GetComponent: the recipe, as JSON whatever was asked for."""
        found = self.get_by_arn(request["arn"])
        if request.get("recipeOutputFormat", "JSON") != "JSON":
            raise AwsError("ValidationException", "Recipes are kept and given as JSON here.")
        recipe = json.dumps(found.recipe, indent=1).encode()
        return {"recipeOutputFormat": "JSON", "recipe": recipe, "tags": dict(found.tags)}

    def list_versions(self, request: Document) -> Document:
        """ListComponentVersions, newest first; an unknown component has none."""
        name, _ = parse_component(request["arn"])
        items = [
            {"componentName": name, "componentVersion": found.version, "arn": found.arn}
            for found in self._newest_first()
            if found.name == name
        ]
        return rest_page(items, request, member="componentVersions")

    def list_components(self, request: Document) -> Document:
        """ListComponents: the private ones; there are no public ones here."""
        newest: dict[str, ComponentVersion] = {}
        if request.get("scope", "PRIVATE") == "PRIVATE":
            for found in self._newest_first():
                newest.setdefault(found.name, found)
        items = [
            {
                "arn": component_arn(name),
                "componentName": name,
                "latestVersion": {
                    "arn": found.arn,
                    "componentVersion": found.version,
                    "creationTimestamp": found.created,
                    "description": found.recipe.get("ComponentDescription"),
                    "publisher": found.recipe.get("ComponentPublisher"),
                    "platforms": found.platforms(),
                },
            }
            for name, found in sorted(newest.items())
        ]
        return rest_page(items, request, member="components")

    def delete(self, request: Document) -> Document:
        """DeleteComponent: one version."""
        found = self.get_by_arn(request["arn"])
        with self._lock:
            self._versions.pop((found.name, found.version), None)
        return {}

    def _newest_first(self) -> list[ComponentVersion]:
        with self._lock:
            found = list(self._versions.values())
        return sorted(found, key=lambda item: order(item.version), reverse=True)

    def resolve(self, name: str, version: str) -> Document:
        """Return a version as a device is told of it, with its recipe."""
        found = self.get_by_arn(component_arn(name, version))
        return {
            "arn": found.arn,
            "componentName": name,
            "componentVersion": version,
            "recipe": json.dumps(found.recipe).encode(),
        }


def order(version: str) -> tuple[int, ...]:
    """Return what versions are ordered by: their three numbers."""
    return tuple(int(part.split("-")[0].split("+")[0]) for part in version.split(".")[:3])


def _read_recipe(content: bytes) -> Document:
    try:
        recipe = json.loads(content)
    except ValueError:
        raise AwsError(
            "ValidationException",
            "The recipe is no JSON: in YAML numbers of the configuration arrive as text.",
        ) from None
    found = problems(recipe)
    if found:
        raise AwsError("ValidationException", f"The recipe is not valid: {'; '.join(found)}")
    return dict(recipe)


def _named(arn: str) -> Document:
    return {"resourceId": arn, "resourceType": "COMPONENT_VERSION"}
