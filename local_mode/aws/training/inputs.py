"""What a job finds before it starts: its channels and the checkpoints of an earlier run."""

from local_mode.aws.protocol import Document
from local_mode.aws.storage import S3Location, Storage, StorageError
from local_mode.aws.training.checkpoints import CheckpointSync
from local_mode.aws.training.container import Container


def download_inputs(
    storage: Storage, request: Document, container: Container
) -> CheckpointSync | None:
    """Fill the channels and the checkpoint folder of one host.

    Returns:
        What keeps the checkpoints in S3 during the job, None if the job has no CheckpointConfig.

    Raises:
        StorageError: If a bucket is missing or a channel names nothing.
    """
    for channel in request.get("InputDataConfig", []):
        _download_channel(storage, channel, container)
    if "CheckpointConfig" not in request:
        return None
    location = S3Location.parse(request["CheckpointConfig"]["S3Uri"])
    sync = CheckpointSync(storage, container.checkpoints, location)
    sync.restore()
    return sync


def _download_channel(storage: Storage, channel: Document, container: Container) -> None:
    source = channel["DataSource"]["S3DataSource"]
    folder = container.channel(channel["ChannelName"])
    folder.mkdir(parents=True, exist_ok=True)
    hosts = container.hosts
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    shard = (hosts.index(container.host), len(hosts)) if sharded else (0, 1)
    location = S3Location.parse(source["S3Uri"])
    if not storage.download_prefix(location, folder, shard=shard):
        raise StorageError(
            f'No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source '
            f"of the channel {channel['ChannelName']}. Please ensure that the bucket exists and "
            "that objects exist under that S3 prefix"
        )
