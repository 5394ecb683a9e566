"""The channels of a job: what `fit` takes as inputs, in the form of the request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimator.errors import EstimatorError

DEFAULT_CHANNEL = "training"
"""The channel of an input that is given without a name, as in the SDK."""

CODE_CHANNEL = "code"
"""Brings the bundle to a container that reaches no network."""

_SCHEMES = ("s3://", "file://", "https://")


@dataclass(frozen=True)
class TrainingInput:
    """One channel with more than its address; the names are those of the SDK.

    Attributes:
        s3_data: Address: `s3://bucket/prefix`, or `file://folder`, which is uploaded first.
        distribution: `FullyReplicated` or `ShardedByS3Key`.
        compression: None or `Gzip`.
        content_type: MIME type of the objects.
        record_wrapping: None or `RecordIO`.
        s3_data_type: `S3Prefix`, `ManifestFile` or `AugmentedManifestFile`.
        instance_groups: Names of the instance groups that get the channel; None: all.
        input_mode: `File`, `Pipe` or `FastFile`; None: the job's.
        attribute_names: Attributes of an augmented manifest file.
    """

    s3_data: str
    distribution: str | None = "FullyReplicated"
    compression: str | None = None
    content_type: str | None = None
    record_wrapping: str | None = None
    s3_data_type: str = "S3Prefix"
    instance_groups: list[str] | None = None
    input_mode: str | None = None
    attribute_names: list[str] | None = None


Inputs = str | TrainingInput | Mapping[str, str | TrainingInput] | None


def named_inputs(inputs: object) -> dict[str, TrainingInput]:
    """Return the channels by name.

    Inputs of the SDK's own class are taken as well: they carry their part of the request as
    `config`.

    Raises:
        EstimatorError: If something is neither an address nor a channel.
    """
    if inputs is None:
        return {}
    given = dict(inputs) if isinstance(inputs, Mapping) else {DEFAULT_CHANNEL: inputs}
    return {str(name): _one(str(name), value) for name, value in given.items()}


def channel(name: str, one: TrainingInput) -> dict[str, Any]:
    """Return a channel as CreateTrainingJob takes it."""
    source: dict[str, Any] = {"S3DataType": one.s3_data_type, "S3Uri": one.s3_data}
    optional = {
        "S3DataDistributionType": one.distribution,
        "InstanceGroupNames": one.instance_groups,
        "AttributeNames": one.attribute_names,
    }
    source |= {key: value for key, value in optional.items() if value}
    described = {"ChannelName": name, "DataSource": {"S3DataSource": source}}
    members = {
        "ContentType": one.content_type,
        "CompressionType": one.compression,
        "RecordWrapperType": one.record_wrapping,
        "InputMode": one.input_mode,
    }
    return described | {key: value for key, value in members.items() if value}


def _one(name: str, value: object) -> TrainingInput:
    config = getattr(value, "config", None)
    if isinstance(config, Mapping):
        value = _from_config(name, config)
    one = TrainingInput(value) if isinstance(value, str) else value
    if isinstance(one, TrainingInput) and str(one.s3_data).startswith(_SCHEMES):
        return one
    raise EstimatorError(
        f"inputs: channel {name} is {value!r}: write s3://BUCKET/PREFIX, file://FOLDER or a "
        "TrainingInput"
    )


def _from_config(name: str, config: Mapping[str, Any]) -> TrainingInput:
    source = config.get("DataSource", {}).get("S3DataSource")
    if source is None:
        raise EstimatorError(f"inputs: channel {name} does not name S3: only S3 channels work here")
    return TrainingInput(
        s3_data=source["S3Uri"],
        distribution=source.get("S3DataDistributionType"),
        compression=config.get("CompressionType"),
        content_type=config.get("ContentType"),
        record_wrapping=config.get("RecordWrapperType"),
        s3_data_type=source.get("S3DataType", "S3Prefix"),
        instance_groups=source.get("InstanceGroupNames"),
        input_mode=config.get("InputMode"),
        attribute_names=source.get("AttributeNames"),
    )
