"""The names that one deployment of the workflow gives to its resources, on AWS and locally."""

from dataclasses import dataclass

ACCOUNT = "123456789012"
REGION = "us-east-1"
ORGANISATION = "example"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """The project and stage of a deployment, and every name derived from them.

    Attributes:
        project: First part of every name, as the `project` context key of the CDK app.
        stage: Second part of every name: `dev`, `staging` or `prod`.
    """

    project: str = "rl-autoscaling"
    stage: str = "dev"

    @property
    def prefix(self) -> str:
        """`<project>-<stage>`, the start of every physical name."""
        return f"{self.project}-{self.stage}"

    @property
    def bucket(self) -> str:
        """The artifact bucket; the account makes it unique as on AWS."""
        return f"{self.prefix}-artifacts-{ACCOUNT}"

    @property
    def role_arn(self) -> str:
        """The one role that jobs, endpoints, functions and the state machine assume."""
        return f"arn:aws:iam::{ACCOUNT}:role/{self.role_name}"

    @property
    def role_name(self) -> str:
        """Name of the role of `role_arn`."""
        return f"{self.prefix}-workflow"

    @property
    def state_machine_arn(self) -> str:
        """ARN of the state machine that runs the workflow."""
        return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self.state_machine_name}"

    @property
    def state_machine_name(self) -> str:
        """Name of the state machine of `state_machine_arn`."""
        return f"{self.prefix}-workflow"

    @property
    def model_package_group(self) -> str:
        """The group that the registered policies belong to."""
        return f"{self.prefix}-policies"

    @property
    def endpoint_name(self) -> str:
        """The endpoint that serves the newest policy."""
        return self.prefix

    @property
    def image_uri(self) -> str:
        """A well-formed image name; no image exists, every container is a local process."""
        repository = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{self.prefix}"
        return f"{repository}:local-process"

    @property
    def source_key(self) -> str:
        """Key of the training bundle in the artifact bucket."""
        return "source/sourcedir.tar.gz"

    @property
    def source_s3_uri(self) -> str:
        """Where the training bundle is put; executions name the copy that they make of it."""
        return f"s3://{self.bucket}/{self.source_key}"

    @property
    def component(self) -> str:
        """The component that carries a policy to devices, the same in all stages."""
        return f"com.{ORGANISATION}.{self.project}.Policy"

    @property
    def component_arn(self) -> str:
        """ARN of the component."""
        return f"arn:aws:greengrass:{REGION}:{ACCOUNT}:components:{self.component}"

    @property
    def thing_group(self) -> str:
        """The group of the stage's devices."""
        return f"{self.prefix}-devices"

    @property
    def thing_group_arn(self) -> str:
        """ARN of the group."""
        return f"arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/{self.thing_group}"

    @property
    def edge_source_key(self) -> str:
        """Key of the component's own program in the artifact bucket."""
        return "source/edge_src.zip"

    @property
    def edge_source_s3_uri(self) -> str:
        """Address of the component's own program."""
        return f"s3://{self.bucket}/{self.edge_source_key}"

    def function_name(self, module: str) -> str:
        """Return the name of the function whose handler lives in `lambdas/<module>.py`."""
        return f"{self.prefix}-{module.replace('_', '-')}"

    def parameters(self) -> dict[str, str]:
        """Return the SSM parameters that name the resources to other programs."""
        root = f"/{self.project}/{self.stage}"
        return {
            f"{root}/state-machine-arn": self.state_machine_arn,
            f"{root}/image-uri": self.image_uri,
            f"{root}/endpoint-name": self.endpoint_name,
            f"{root}/model-package-group": self.model_package_group,
            f"{root}/artifact-bucket": self.bucket,
        }
