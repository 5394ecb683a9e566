"""Where a job runs: region, clients, and the stage whose image and bucket it uses."""

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from estimator.errors import EstimatorError
from estimator.sdk import load

if TYPE_CHECKING:
    import boto3
    from botocore.client import BaseClient

PROCESS = "local_aws_process"
"""Attribute of a boto3.Session of the local AWS: the process that answers."""

PROJECT_VARIABLE, STAGE_VARIABLE = "RL_PROJECT", "RL_STAGE"
_PROJECT, _STAGE = "rl-autoscaling", "dev"
_NOT_FOUND = ("ParameterNotFound", "AccessDeniedException")
_LOOPBACK = ("127.", "localhost", "::1")


class Session:
    """One account and region. It has what the SDK's analytics ask of a session of theirs.

    Args:
        boto_session: None: made from the environment, as boto3 does.
        is_local: Whether it talks to a local AWS that this library started or found.
        project: First part of the names of the deployment; default RL_PROJECT, `rl-autoscaling`.
        stage: Second part; default RL_STAGE, `dev`.
    """

    def __init__(
        self,
        boto_session: "boto3.Session | None" = None,
        *,
        is_local: bool = False,
        project: str | None = None,
        stage: str | None = None,
    ) -> None:
        self.boto_session = boto_session or _boto_session(_variables())
        self.is_local = is_local
        self.project = project or os.environ.get(PROJECT_VARIABLE) or _PROJECT
        self.stage = stage or os.environ.get(STAGE_VARIABLE) or _STAGE

    def __deepcopy__(self, memo: object) -> "Session":
        """Return itself: a connection has no copy, and copies of its owner share it."""
        return self

    def __reduce__(self) -> "tuple[Any, ...]":
        """Refuse: a connection cannot go to another process.

        Raises:
            EstimatorError: Always.
        """
        raise EstimatorError(
            "an estimator that has a session cannot be pickled: keep the name of its job, and come "
            "back to it with RLEstimator.attach(NAME)"
        )

    @property
    def region(self) -> str:
        """The region.

        Raises:
            EstimatorError: If nothing names one.
        """
        if not self.boto_session.region_name:
            raise EstimatorError("no region is set: set AWS_REGION, or pass sagemaker_session=")
        return str(self.boto_session.region_name)

    @property
    def is_near(self) -> bool:
        """Whether an answer costs nothing: what answers is a local AWS."""
        return self.is_local or names_local_aws(self.sagemaker_client.meta.endpoint_url)

    @property
    def is_gone(self) -> bool:
        """Whether it talks to a local AWS that this process started and that has ended."""
        process = getattr(self.boto_session, PROCESS, None)
        return process is not None and process.poll() is not None

    def _check_there(self) -> None:
        if self.is_gone:
            raise EstimatorError(
                "the local AWS that this process started has ended, its jobs and endpoints with "
                "it: train again, which starts another one"
            )

    def require_local(self) -> None:
        """Take what answers for the local AWS of a job on this machine.

        Raises:
            EstimatorError: If it is AWS.
        """
        if not self.is_near:
            raise EstimatorError(
                "sagemaker_session talks to AWS and instance_type is 'local': leave out one of the "
                "two"
            )
        self.is_local = True

    @property
    def sagemaker_client(self) -> "BaseClient":
        """The client of SageMaker as the SDK makes it: with its retries, and named in the logs."""
        return self._sdk_client("sagemaker_client")

    @property
    def runtime_client(self) -> "BaseClient":
        """The client that invokes endpoints, likewise."""
        return self._sdk_client("sagemaker_runtime_client")

    def _sdk_client(self, name: str) -> "BaseClient":
        self._check_there()
        factory = load("sagemaker.core.utils.utils").SageMakerClient
        client: BaseClient = getattr(factory(self.boto_session, self.region), name)
        return client

    def client(self, service: str) -> "BaseClient":
        """Return the client of any other service, the same one each time."""
        self._check_there()
        return _client(self.boto_session, service, self.region)

    def account(self) -> str:
        """Return the number of the account.

        Raises:
            EstimatorError: If there are no credentials.
        """
        with asking("which account this is"):
            return str(self.client("sts").get_caller_identity()["Account"])

    def parameter(self, name: str, *, otherwise: str) -> str:
        """Return what the stage says of itself in an SSM parameter.

        Args:
            name: The last part of the parameter's name.
            otherwise: What the user can do without it.

        Raises:
            EstimatorError: If it is not there or cannot be read.
        """
        value = self.find_parameter(name)
        if value is None:
            raise EstimatorError(
                f"there is no SSM parameter {self._parameter_name(name)} in {self.region}, or not "
                f"for these credentials: deploy the stage, name another with {PROJECT_VARIABLE} "
                f"and {STAGE_VARIABLE}, or {otherwise}"
            )
        return value

    def find_parameter(self, name: str) -> str | None:
        """Return what the stage says of itself, None if it says nothing to this caller.

        Raises:
            EstimatorError: If it cannot be asked.
        """
        full = self._parameter_name(name)
        from botocore.exceptions import ClientError

        with asking(f"SSM parameter {full}"):
            try:
                return str(self.client("ssm").get_parameter(Name=full)["Parameter"]["Value"])
            except ClientError as error:
                if error.response["Error"]["Code"] in _NOT_FOUND:
                    return None
                raise

    def _parameter_name(self, name: str) -> str:
        return f"/{self.project}/{self.stage}/{name}"


@functools.lru_cache(maxsize=4)
def _boto_session(variables: tuple[tuple[str, str], ...]) -> "boto3.Session":
    """Return the session of an environment: each new one would read the services' models again.

    Raises:
        EstimatorError: If the environment names a profile that there is not, or the like.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.Session()
    except BotoCoreError as error:
        raise EstimatorError(
            f"no session of AWS: {error}: correct AWS_PROFILE or ~/.aws/config, or pass "
            "sagemaker_session="
        ) from error


def _variables() -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, text) for key, text in os.environ.items() if key.startswith("AWS_")))


@functools.lru_cache(maxsize=64)
def _client(boto_session: "boto3.Session", service: str, region: str) -> "BaseClient":
    return boto_session.client(service, region_name=region)


def names_a_region() -> bool:
    """Tell whether the environment, or its profile, says in which region AWS is asked."""
    with contextlib.suppress(EstimatorError):
        return _boto_session(_variables()).region_name is not None
    return False


def names_local_aws(endpoint_url: str) -> bool:
    """Tell whether an address is one of this machine."""
    host = urlsplit(endpoint_url).hostname or ""
    return host.startswith(_LOOPBACK)


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn what AWS answers to a question into one line.

    Raises:
        EstimatorError: Instead of botocore's errors.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        raise EstimatorError(
            f"{what}: AWS answers {said.get('Code')}: {said.get('Message')}"
        ) from error
    except BotoCoreError as error:
        raise EstimatorError(f"{what}: AWS cannot be asked: {error}") from error


def as_session(given: Any, *, project: str | None, stage: str | None) -> Session:  # noqa: ANN401
    """Return the session that a user passed: this library's, the SDK's (2 or 3), boto3's, or None.

    Raises:
        EstimatorError: If it is none of them.
    """
    if isinstance(given, Session):
        return given
    boto_session = getattr(given, "boto_session", given)
    if boto_session is not None and not hasattr(boto_session, "region_name"):
        raise EstimatorError(
            f"sagemaker_session is of type {type(given).__name__}: pass a boto3.Session, or leave "
            "it out"
        )
    return Session(boto_session, project=project, stage=stage)
