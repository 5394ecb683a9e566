"""The operations of the SageMaker API that do real work here, by name."""

from collections.abc import Callable, Mapping
from typing import Protocol

from local_mode.aws.hosting.models import Models
from local_mode.aws.hosting.service import Endpoints
from local_mode.aws.protocol import AwsError, Document, validate, validation_error
from local_mode.aws.registry import ModelRegistry
from local_mode.aws.training.service import TrainingJobs

Handler = Callable[[Document], Document]
# moto answers these with a result that nothing stands behind: better no answer than such a one.
_WORKLESS = (
    "CreateAutoMLJob",
    "CreateCluster",
    "CreateCompilationJob",
    "CreateHyperParameterTuningJob",
    "CreateNotebookInstance",
    "CreateProcessingJob",
    "CreateTransformJob",
    "StartPipelineExecution",
    "UpdateEndpointWeightsAndCapacities",
)


class _Tagged(Protocol):
    tags: dict[str, list[Document]]


class SageMakerApi:
    """SageMaker's control plane as far as this project uses it."""

    def __init__(
        self,
        *,
        jobs: TrainingJobs,
        registry: ModelRegistry,
        models: Models,
        endpoints: Endpoints,
    ) -> None:
        self._jobs = jobs
        self._tagged: tuple[_Tagged, ...] = (
            registry,
            registry.groups,
            models.models,
            models.configs,
            endpoints,
        )
        self._handlers: Mapping[str, Handler] = {
            "CreateTrainingJob": jobs.create,
            "DescribeTrainingJob": jobs.describe,
            "ListTrainingJobs": jobs.list_jobs,
            "StopTrainingJob": jobs.stop,
            "CreateModelPackageGroup": registry.create_group,
            "DescribeModelPackageGroup": registry.groups.describe,
            "ListModelPackageGroups": registry.list_groups,
            "DeleteModelPackageGroup": registry.delete_group,
            "CreateModelPackage": registry.create,
            "DescribeModelPackage": registry.describe,
            "UpdateModelPackage": registry.update,
            "ListModelPackages": registry.list_packages,
            "DeleteModelPackage": registry.delete,
            "CreateModel": models.create_model,
            "DescribeModel": models.models.describe,
            "ListModels": models.list_models,
            "DeleteModel": models.models.delete,
            "CreateEndpointConfig": models.create_config,
            "DescribeEndpointConfig": models.configs.describe,
            "ListEndpointConfigs": models.list_configs,
            "DeleteEndpointConfig": models.configs.delete,
            "CreateEndpoint": endpoints.create,
            "UpdateEndpoint": endpoints.update,
            "DescribeEndpoint": endpoints.describe,
            "ListEndpoints": endpoints.list_endpoints,
            "DeleteEndpoint": endpoints.delete,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    def answer(self, operation: str, request: Document) -> Document | None:
        """Answer a request; None if the operation is left to moto.

        Raises:
            AwsError: As on AWS, or for an operation that would be a pretence here.
        """
        handler = self._handlers.get(operation)
        if handler is not None:
            validate("sagemaker", operation, request)
            return handler(request)
        if operation.startswith(_WORKLESS):
            raise AwsError(
                "UnsupportedOperation", f"{operation} is not available: no local process does it."
            )
        return None

    def _tags(self, arn: str) -> list[Document]:
        for store in self._tagged:
            if arn in store.tags:
                return store.tags[arn]
        if ":training-job/" in arn:
            return self._jobs.find(arn.rpartition("/")[2]).tags
        raise validation_error(f"Resource {arn} does not exist.")

    def _add_tags(self, request: Document) -> Document:
        tags = self._tags(request["ResourceArn"])
        added = {tag["Key"] for tag in request["Tags"]}
        tags[:] = [tag for tag in tags if tag["Key"] not in added] + request["Tags"]
        return {"Tags": tags}

    def _list_tags(self, request: Document) -> Document:
        return {"Tags": self._tags(request["ResourceArn"])}

    def _delete_tags(self, request: Document) -> Document:
        tags = self._tags(request["ResourceArn"])
        tags[:] = [tag for tag in tags if tag["Key"] not in request["TagKeys"]]
        return {}
