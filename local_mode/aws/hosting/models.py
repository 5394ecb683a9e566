"""Models and endpoint configurations, and what an endpoint needs to know of them."""

from local_mode.aws.hosting.serving import ServingModel
from local_mode.aws.protocol import Document, validation_error
from local_mode.aws.registry import ModelRegistry
from local_mode.aws.resources import Resources
from local_mode.aws.storage import S3Location, Storage, StorageError


class Models:
    """The models and endpoint configurations of the account."""

    def __init__(self, registry: ModelRegistry, storage: Storage, *, startup_limit: float) -> None:
        self._registry = registry
        self._startup_limit = startup_limit
        self._storage = storage
        self.models = Resources(kind="model", member="Model", words="model")
        self.configs = Resources(
            kind="endpoint-config", member="EndpointConfig", words="endpoint configuration"
        )

    def create_model(self, request: Document) -> Document:
        """CreateModel.

        Raises:
            AwsError: If the model's data is not there.
        """
        data = self._data(request, self._resolved_container(request))
        if not self._storage.exists(data):
            raise validation_error(
                f"Could not access model data at {data.uri}. Please ensure that the object exists "
                "and is located in the bucket it names."
            )
        return self.models.create(request)

    def list_models(self, request: Document) -> Document:
        """ListModels."""
        return self.models.list_items(request, member="Models")

    def list_configs(self, request: Document) -> Document:
        """ListEndpointConfigs."""
        return self.configs.list_items(request, member="EndpointConfigs")

    def create_config(self, request: Document) -> Document:
        """CreateEndpointConfig.

        Raises:
            AwsError: If a variant names no model, or needs what no local process can do.
        """
        if request.get("ShadowProductionVariants"):
            raise validation_error("ShadowProductionVariants are not available locally.")
        names = [variant["VariantName"] for variant in request["ProductionVariants"]]
        if len(set(names)) < len(names):
            raise validation_error("Variant names must be unique in an endpoint configuration.")
        for variant in request["ProductionVariants"]:
            if "ModelName" not in variant:
                raise validation_error(f"Variant {variant['VariantName']} names no model.")
            self.models.get(variant["ModelName"])
        return self.configs.create(request)

    def serving_models(self, endpoint: str, config: Document) -> list[ServingModel]:
        """Return what each variant of a configuration serves.

        Raises:
            AwsError: If a model is missing, or is no single container with its data in S3.
        """
        return [self._serving_model(endpoint, one) for one in config["ProductionVariants"]]

    def _serving_model(self, endpoint: str, variant: Document) -> ServingModel:
        model = self.models.get(variant["ModelName"])
        container = self._resolved_container(model)
        limit = self._startup_limit
        seconds = float(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", limit))
        return ServingModel(
            endpoint=endpoint,
            variant=variant["VariantName"],
            data=self._data(model, container),
            environment=container.get("Environment", {}),
            startup_seconds=min(seconds, limit),
        )

    def _resolved_container(self, model: Document) -> Document:
        containers = [*model.get("Containers", [])]
        if "PrimaryContainer" in model:
            containers.append(model["PrimaryContainer"])
        if len(containers) != 1:
            raise validation_error(f"Model {model['ModelName']} must have exactly one container.")
        container: Document = containers[0]
        if "ModelPackageName" not in container:
            return container
        package = self._registry.approved_container(container["ModelPackageName"])
        environment = {**package.get("Environment", {}), **container.get("Environment", {})}
        return {**package, "Environment": environment}

    @staticmethod
    def _data(model: Document, container: Document) -> S3Location:
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        try:
            return S3Location.parse(container.get("ModelDataUrl", source.get("S3Uri", "")))
        except StorageError as error:
            raise validation_error(f"Model {model['ModelName']}: {error}") from None
