"""The endpoint part of the SageMaker API."""

import threading

from local_mode.aws.hosting.endpoint import Endpoint
from local_mode.aws.hosting.models import Models
from local_mode.aws.hosting.serving import ServingLauncher
from local_mode.aws.paging import ordered, page
from local_mode.aws.protocol import AwsError, Document, validation_error
from local_mode.aws.resources import resource_arn
from local_mode.deployment import ACCOUNT

_SUMMARY = ("EndpointName", "EndpointArn", "EndpointStatus", "CreationTime", "LastModifiedTime")


class Endpoints:
    """The endpoints of the account."""

    def __init__(self, models: Models, launcher: ServingLauncher) -> None:
        self._models = models
        self._launcher = launcher
        self._endpoints: dict[str, Endpoint] = {}
        self._lock = threading.Lock()
        self.tags: dict[str, list[Document]] = {}

    def create(self, request: Document) -> Document:
        """CreateEndpoint.

        Raises:
            AwsError: If the name is taken, or the configuration is missing or of no use.
        """
        name = request["EndpointName"]
        config = self._models.configs.get(request["EndpointConfigName"])
        models = self._models.serving_models(name, config)
        endpoint = Endpoint(name, self._launcher)
        with self._lock:
            if name in self._endpoints:
                arn = resource_arn("endpoint", name)
                raise validation_error(f'Cannot create already existing endpoint "{arn}".')
            self._endpoints[name] = endpoint
            self.tags[endpoint.arn] = list(request.get("Tags", []))
        _in_background(endpoint.apply, config, models)
        return {"EndpointArn": endpoint.arn}

    def update(self, request: Document) -> Document:
        """UpdateEndpoint: the new configuration takes over once it answers, or never.

        Raises:
            AwsError: If the endpoint is missing or changing, or the configuration is of no use.
        """
        endpoint = self.find(request["EndpointName"])
        config = self._models.configs.get(request["EndpointConfigName"])
        models = self._models.serving_models(endpoint.name, config)
        endpoint.begin("Updating", allowed=("InService",), pending=config)
        _in_background(endpoint.apply, config, models)
        return {"EndpointArn": endpoint.arn}

    def delete(self, request: Document) -> Document:
        """DeleteEndpoint.

        Raises:
            AwsError: If the endpoint is missing or changing.
        """
        endpoint = self.find(request["EndpointName"])
        endpoint.begin("Deleting", allowed=("InService", "Failed"))
        _in_background(self._remove, endpoint)
        return {}

    def describe(self, request: Document) -> Document:
        """DescribeEndpoint."""
        return self.find(request["EndpointName"]).describe()

    def list_endpoints(self, request: Document) -> Document:
        """ListEndpoints, newest first unless asked otherwise."""
        status = request.get("StatusEquals")
        documents = [endpoint.describe() for endpoint in list(self._endpoints.values())]
        summaries = [
            {member: document[member] for member in _SUMMARY}
            for document in documents
            if request.get("NameContains", "") in document["EndpointName"]
            and status in (None, document["EndpointStatus"])
        ]
        names = {"Name": "EndpointName", "Status": "EndpointStatus"}
        key = names.get(request.get("SortBy", ""), "CreationTime")
        items = ordered(summaries, request, key=key, order="Descending")
        return page(items, request, member="Endpoints")

    def find(self, name: str) -> Endpoint:
        """Return the endpoint of that name.

        Raises:
            AwsError: If there is none.
        """
        with self._lock:
            if name in self._endpoints:
                return self._endpoints[name]
        raise validation_error(f'Could not find endpoint "{resource_arn("endpoint", name)}".')

    def find_for_invocation(self, name: str) -> Endpoint:
        """Return the endpoint of that name, with the runtime's own error when there is none.

        Raises:
            AwsError: ValidationError.
        """
        try:
            return self.find(name)
        except AwsError:
            message = f"Endpoint {name} of account {ACCOUNT} not found."
            raise AwsError("ValidationError", message) from None

    def _remove(self, endpoint: Endpoint) -> None:
        endpoint.close()
        with self._lock:
            self._endpoints.pop(endpoint.name, None)
            self.tags.pop(endpoint.arn, None)


def _in_background(target: object, *arguments: object) -> None:
    assert callable(target)
    threading.Thread(target=target, args=arguments, daemon=True).start()
