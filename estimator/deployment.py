"""What `deploy` makes of a job: the settings of its endpoint."""

from collections.abc import Mapping
from typing import Any

from estimator.attach import bundle_of
from estimator.bundle import Bundle
from estimator.checks import find_role, tag_list
from estimator.errors import EstimatorError
from estimator.hosting import EndpointSettings, variant_members
from estimator.images import Image
from estimator.job import Job
from estimator.kinds import check_kind
from estimator.session import Session
from estimator.settings import LOCAL, LOCAL_TYPES, JobSettings


def endpoint_settings(
    job: Job,
    draft: JobSettings,
    *,
    name: str,
    model_name: str | None,
    instance_type: str | None,
    instance_count: int | None,
    program: str,
    image_uri: str | None,
    role: str | None,
    kms_key: str | None,
    tags: Any,  # noqa: ANN401 - list or mapping
    environment: Mapping[str, str] | None,
    variant: Mapping[str, Any],
) -> EndpointSettings:
    """Return what makes the endpoint of a job's model; None stands for what the job had.

    Args:
        job: The job, which has a model.
        draft: The settings of its estimator.
        name: Name of the endpoint.
        model_name: None: the endpoint's.
        instance_type: `local` for a job that trained so.
        instance_count: How many instances serve.
        program: File of the job's bundle that serves.
        image_uri: Its image.
        role: The role that it assumes: its ARN or its name.
        kms_key: Encrypts the instances' volumes.
        tags: Of model, configuration and endpoint.
        environment: Further variables of the program.
        variant: The further arguments of the SDK's `deploy`.

    Raises:
        EstimatorError: If an argument is wrong.
    """
    for argument, value, kind in (("environment", environment, Mapping), ("role", role, str)):
        check_kind(argument, value, kind)
    described = job.describe()
    _check_place(job.session, instance_type)
    members, capture = variant_members(variant)
    settings = EndpointSettings(
        name=name,
        model_name=model_name or name,
        role=find_role(job.session, role) if role else described["RoleArn"],
        image_uri=image_uri or described["AlgorithmSpecification"]["TrainingImage"],
        model_data=job.model_data,
        program=program,
        source_s3_uri=bundle_of(described)[1],
        instance_type=LOCAL if instance_type in LOCAL_TYPES else instance_type,
        instance_count=instance_count,
        isolated=draft.enable_network_isolation and not job.session.is_local,
        environment=environment or {},
        variant=members,
        network=described.get("VpcConfig", {}),
        data_capture=capture,
        kms_key=kms_key,
        tags=draft.tags if tags is None else tag_list(tags),
    )
    settings.check()
    return settings


def check_program(image: Image, bundle: Bundle, program: str) -> None:
    """Check that there is something to serve with.

    Raises:
        EstimatorError: If not.
    """
    if image.is_legacy:
        raise EstimatorError(
            "AWS's old images cannot serve a bundle: train with toolkit='sb3' and "
            "framework='pytorch', or an image of your own"
        )
    if bundle.has(program) is False:
        raise EstimatorError(
            f"the bundle has no {program} that could serve: put one at the root of source_dir and "
            "train again, or name another file of it as entry_point"
        )


def _check_place(session: Session, instance_type: str | None) -> None:
    local = instance_type in LOCAL_TYPES
    if local != session.is_local and instance_type is not None:
        raise EstimatorError(
            f"the model was trained {'on this machine' if session.is_local else 'with SageMaker'}, "
            f"and instance_type is {instance_type!r}: deploy it where it was trained"
        )
