"""Two executions at once: each call to AWS is a point at which the other may go on.

SageMaker and S3 are made up here, since neither moto nor the local AWS can be stopped between two
calls. They refuse what AWS documents that it refuses.
"""

import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

STEPS = 3000


def refusal(operation: str, message: str, status: int = 400) -> ClientError:
    error = {"Code": "ValidationException", "Message": message}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


class Schedule:
    """Runs actors, one of them at a time, from one call to the next."""

    def __init__(self, choose: Callable[[list[str]], str]) -> None:
        """Keep who says whose step is next."""
        self._choose = choose
        self._actors: dict[str, SimpleNamespace] = {}

    def add(self, name: str, play: Callable[[], object]) -> None:
        """Add an actor."""
        actor = SimpleNamespace(
            go=threading.Semaphore(0), back=threading.Semaphore(0), done=False, result=None
        )

        def run() -> None:
            actor.go.acquire()
            try:
                actor.result = play()
            finally:
                actor.done = True
                actor.back.release()

        actor.thread = threading.Thread(target=run, daemon=True)
        actor.thread.start()
        self._actors[name] = actor

    def point(self) -> None:
        """Let the others go on, if an actor asks."""
        for actor in self._actors.values():
            if actor.thread is threading.current_thread():
                actor.back.release()
                actor.go.acquire()

    def run(self, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Run until the results so far are enough, and return them by actor."""
        for _ in range(STEPS):
            waiting = [name for name, actor in self._actors.items() if not actor.done]
            ended = {name: it.result for name, it in self._actors.items() if it.done}
            if until(ended):
                return ended
            actor = self._actors[self._choose(waiting)]
            actor.go.release()
            actor.back.acquire()
        raise AssertionError("the executions do not end")


@dataclass
class Endpoint:
    """The endpoint; `serves` is the address of a model."""

    status: str
    config: str
    coming: str
    serves: str | None
    modified: datetime
    pending: str | None = None


@dataclass
class SageMaker:
    """Models, configurations and one endpoint; `faults` are deletions of what is in use.

    `lost` says whether the answer to a call gets lost.
    """

    point: Callable[[], None]
    lost: Callable[[], bool]
    endpoint: Endpoint | None = None
    models: dict[str, str] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    clock: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        self.clock += timedelta(milliseconds=1)
        return self.clock

    def settle(self) -> None:
        """End the change of the endpoint, if there is one."""
        found = self.endpoint
        if found is None:
            return
        if found.status == "Deleting":
            self.endpoint = None
        elif found.status != "InService":
            config = found.pending or found.config
            self.endpoint = Endpoint("InService", config, "", found.coming, self.now())

    def create_model(self, ModelName: str, PrimaryContainer: Any, **_: Any) -> None:
        self.point()
        if ModelName in self.models:
            raise refusal("CreateModel", "Cannot create already existing model")
        self.models[ModelName] = PrimaryContainer["ModelDataUrl"]
        self._answer()

    def delete_model(self, ModelName: str) -> None:
        self._delete(self.models, ModelName, "DeleteModel")

    def create_endpoint_config(
        self, EndpointConfigName: str, ProductionVariants: Any, Tags: Any, **_: Any
    ) -> None:
        self.point()
        if EndpointConfigName in self.configs:
            raise refusal("CreateEndpointConfig", "Cannot create already existing configuration")
        if ProductionVariants[0]["ModelName"] not in self.models:
            raise refusal("CreateEndpointConfig", "Could not find model")
        self.configs[EndpointConfigName] = {
            "EndpointConfigArn": EndpointConfigName,
            "model": ProductionVariants[0]["ModelName"],
            "Tags": Tags,
        }

    def delete_endpoint_config(self, EndpointConfigName: str) -> None:
        self._delete(self.configs, EndpointConfigName, "DeleteEndpointConfig")

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        self.point()
        return self._config(EndpointConfigName, "DescribeEndpointConfig")

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        self.point()
        return {"Tags": self._config(ResourceArn, "ListTags")["Tags"]}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        self.point()
        found = self._found("DescribeEndpoint")
        described = {
            "EndpointStatus": found.status,
            "EndpointConfigName": found.config,
            "LastModifiedTime": found.modified,
        }
        if found.pending:
            described["PendingDeploymentSummary"] = {"EndpointConfigName": found.pending}
        return described

    def create_endpoint(self, EndpointName: str, EndpointConfigName: str, **_: Any) -> None:
        self.point()
        if self.endpoint is not None:
            raise refusal("CreateEndpoint", "Cannot create already existing endpoint")
        coming = self._loaded(EndpointConfigName, "CreateEndpoint")
        self.endpoint = Endpoint("Creating", EndpointConfigName, coming, None, self.now())
        self._answer()

    def update_endpoint(self, EndpointName: str, EndpointConfigName: str, **_: Any) -> None:
        self.point()
        found = self._settled("UpdateEndpoint")
        found.coming = self._loaded(EndpointConfigName, "UpdateEndpoint")
        found.status, found.pending, found.modified = "Updating", EndpointConfigName, self.now()
        self._answer()

    def delete_endpoint(self, EndpointName: str) -> None:
        self.point()
        self._settled("DeleteEndpoint").status = "Deleting"

    def _answer(self) -> None:
        if self.lost():
            raise refusal("Call", "the answer was lost", 503)

    def _found(self, operation: str) -> Endpoint:
        if self.endpoint is None:
            raise refusal(operation, "Could not find endpoint")
        return self.endpoint

    def _settled(self, operation: str) -> Endpoint:
        found = self._found(operation)
        if found.status != "InService":
            raise refusal(operation, "Cannot update in-progress endpoint")
        return found

    def _config(self, name: str, operation: str) -> dict[str, Any]:
        if name not in self.configs:
            raise refusal(operation, "Could not find endpoint configuration")
        return self.configs[name]

    def _loaded(self, config: str, operation: str) -> str:
        model = self._config(config, operation)["model"]
        if model not in self.models:
            raise refusal(operation, "Could not find model")
        return self.models[model]

    def _delete(self, items: dict[str, Any], name: str, operation: str) -> None:
        self.point()
        if name not in items:
            raise refusal(operation, "Could not find it")
        if self.endpoint is not None and name in (self.endpoint.config, self.endpoint.pending):
            self.faults.append(f"{operation} of {name}, which is in use")
        del items[name]


@dataclass
class S3:
    """One object, written under conditions."""

    point: Callable[[], None]
    conflicts: Callable[[], bool]
    content: bytes | None = None
    version: int = 0
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def holder(self) -> str | None:
        """Whose turn it is."""
        return None if self.content is None else json.loads(self.content)["execution"]

    def put_object(self, Body: bytes, IfNoneMatch: str = "", IfMatch: str = "", **_: Any) -> None:
        self.point()
        if self.conflicts():
            raise refusal("PutObject", "another writes at the same time", 409)
        if IfMatch and self.content is None:
            raise refusal("PutObject", "there is no such key", 404)
        if (IfNoneMatch and self.content is not None) or (IfMatch and IfMatch != str(self.version)):
            raise refusal("PutObject", "a condition did not hold", 412)
        self.content, self.version, self.modified = Body, self.version + 1, datetime.now(UTC)

    def get_object(self, **_: Any) -> dict[str, Any]:
        self.point()
        if self.content is None:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        version, body = str(self.version), io.BytesIO(self.content)
        return {"Body": body, "ETag": version, "LastModified": self.modified}
