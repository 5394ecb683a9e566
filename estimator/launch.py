"""The start of a job: everything is looked up and checked, then uploaded, then started."""

import contextlib
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from estimator.bundle import Bundle
from estimator.checks import find_role
from estimator.errors import EstimatorError
from estimator.images import Image
from estimator.inputs import TrainingInput
from estimator.job import Job
from estimator.metrics import check_regexes
from estimator.model_check import check_request
from estimator.places import Places, check_bucket, find_places
from estimator.request import Request, training_job_request
from estimator.session import Session
from estimator.settings import JobSettings


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One job that can be started.

    Attributes:
        request: The CreateTrainingJob request.
        inputs: The channels as they were given, before local ones are uploaded.
    """

    session: Session
    bundle: Bundle
    places: Places
    inputs: Mapping[str, TrainingInput]
    request: Request

    def start(self) -> Job:
        """Upload bundle and local inputs, and start the job.

        Raises:
            EstimatorError: If AWS refuses; no job runs then.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        name = self.request["TrainingJobName"]
        self._check_name(name)
        self.places.upload(self.session, name, self.bundle, self.inputs)
        try:
            self.session.sagemaker_client.create_training_job(**self.request)
        except ClientError as error:
            said = error.response["Error"]
            hint = (
                ": leave out job_name, or write another"
                if said.get("Code") == "ResourceInUse"
                else ""
            )
            raise EstimatorError(
                f"training job {name} was not started: {said.get('Code')}: "
                f"{said.get('Message')}{hint}"
            ) from error
        except BotoCoreError as error:
            raise EstimatorError(f"training job {name} was not started: {error}") from error
        return Job(self.session, name, folder=self.places.folder)

    def _check_name(self, name: str) -> None:
        """Refuse the name of a job that there is: its bundle and inputs would be overwritten."""
        from botocore.exceptions import BotoCoreError, ClientError

        with contextlib.suppress(ClientError, BotoCoreError):  # whoever may not ask finds out later
            self.session.sagemaker_client.describe_training_job(TrainingJobName=name)
            raise EstimatorError(
                f"training job {name} was not started: ResourceInUse: there is one of this name "
                "already: leave out job_name, or write another"
            )


def prepare(
    session: Session,
    draft: JobSettings,
    *,
    job_name: str,
    image: Image,
    bundle: Bundle,
    inputs: Mapping[str, TrainingInput],
    role: str | None,
    output_path: str | None,
    code_location: str | None,
) -> Launch:
    """Look up what AWS has to be asked for and check the whole job; nothing is changed anywhere.

    Raises:
        EstimatorError: If anything is missing or wrong.
    """
    kind = draft.instance_type
    if draft.instance_groups:
        kind = draft.instance_groups[0].instance_type
    places = find_places(
        session,
        output_path=output_path,
        code_location=code_location,
        kms_key=draft.output_kms_key,
    )
    settings = dataclasses.replace(
        draft,
        role=find_role(session, role),
        image_uri=image.uri(session, instance_type=kind),
        region=session.region,
        output_path=places.output_path,
    )
    in_s3 = places.inputs_in_s3(job_name, inputs)
    request = training_job_request(
        settings,
        job_name=job_name,
        source_s3_uri=places.source_s3_uri(job_name, bundle),
        inputs=in_s3,
    )
    check_request("CreateTrainingJob", request)
    check_regexes(settings.metric_definitions)
    _check_buckets(session, settings, places, bundle, inputs)
    return Launch(
        session=session, bundle=bundle, places=places, inputs=dict(inputs), request=request
    )


def _check_buckets(
    session: Session,
    settings: JobSettings,
    places: Places,
    bundle: Bundle,
    inputs: Mapping[str, TrainingInput],
) -> None:
    named = {
        "output_path": settings.output_path,
        "code_location": f"s3://{places.bucket}",
        "source_dir": bundle.s3_uri,
        "checkpoint_s3_uri": settings.checkpoint_s3_uri,
        "model_uri": settings.model_uri,
        **{f"inputs: channel {name}": one.s3_data for name, one in inputs.items()},
    }
    seen = {f"s3://{places.bucket}"} if places.make_bucket else set()
    for argument, uri in named.items():
        if not uri or not uri.startswith("s3://"):
            continue
        bucket = "/".join(uri.split("/")[:3])
        if bucket not in seen:
            check_bucket(session, uri, argument)
            seen.add(bucket)
