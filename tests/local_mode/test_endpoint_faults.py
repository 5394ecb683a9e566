"""Endpoints whose processes die, or never become healthy: told, restarted once, rolled back."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from tests.local_mode.endpoints import ask, delete, settled
from tests.local_mode.support import BUCKET, archive, log_lines, wait_for


def test_a_bad_update_is_rolled_back(aws, sagemaker, endpoint, config):
    name = endpoint("stable")
    before = ask(aws, name)["pid"]
    for bad, mode in (("stable-dead", "die"), ("stable-sick", "sick")):
        config(bad, mode)
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
        # Meanwhile the old process answers, and no second change can begin.
        assert ask(aws, name)["pid"] == before
        if mode == "sick":
            with pytest.raises(sagemaker.exceptions.ClientError, match="update in-progress"):
                sagemaker.update_endpoint(EndpointName=name, EndpointConfigName="stable-1")
            with pytest.raises(sagemaker.exceptions.ClientError, match="update in-progress"):
                sagemaker.delete_endpoint(EndpointName=name)
        found = settled(aws, name)
        assert found["EndpointStatus"] == "InService"
        assert found["EndpointConfigName"] == "stable-1"
        assert "did not pass the ping health check" in found["FailureReason"]
        assert ask(aws, name)["pid"] == before


def test_an_endpoint_whose_process_dies_at_start_has_failed(aws, sagemaker, config):
    sagemaker.create_endpoint(EndpointName="dead", EndpointConfigName=config("dead-1", "die"))
    found = settled(aws, "dead")
    assert found["EndpointStatus"] == "Failed"
    assert "exit code 4" in found["FailureReason"]
    assert any("cannot load" in line for line in log_lines(aws, "/aws/sagemaker/Endpoints/dead"))
    with pytest.raises(sagemaker.exceptions.ClientError, match="Cannot update Failed endpoint"):
        sagemaker.update_endpoint(EndpointName="dead", EndpointConfigName="dead-1")
    delete(aws, "dead")


def test_a_restart_that_fails_fails_the_endpoint(aws, sagemaker, endpoint):
    name = endpoint("doomed")
    key = f"models/{name}-1/model.tar.gz"
    aws.client("s3").delete_object(Bucket=BUCKET, Key=key)
    kill(aws, name)
    found = wait_for(lambda: failed(sagemaker, name))
    assert "its restart failed: Failed to download model data" in found["FailureReason"]


def test_a_process_that_dies_is_restarted_once(aws, sagemaker, endpoint):
    name = endpoint("mortal")
    first = ask(aws, name)["pid"]
    # boto3 tries again by itself when the service is unavailable, and meets the new process.
    runtime = aws.client("sagemaker-runtime")
    kill(aws, name)
    second = wait_for(lambda: alive(aws, name))
    assert second != first
    kill(aws, name)
    found = wait_for(lambda: failed(sagemaker, name))
    assert "again after one restart" in found["FailureReason"]
    with pytest.raises(runtime.exceptions.ServiceUnavailable, match="is not answering"):
        ask(aws, name)


def test_a_restart_that_is_never_healthy_leaves_no_process(aws, sagemaker, endpoint):
    name = endpoint("sickly")
    behaviour = archive({"behaviour.json": json.dumps({"mode": "sick", "version": "sick"})})
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"models/{name}-1/model.tar.gz", Body=behaviour)
    kill(aws, name)
    found = wait_for(lambda: failed(sagemaker, name))
    assert "its restart failed: The primary container" in found["FailureReason"]
    wait_for(lambda: not processes(name))


def test_a_second_death_during_an_update_is_told_at_its_end(aws, sagemaker, endpoint, config):
    """The endpoint neither serves without a process, nor can it be deleted under the update."""
    name = endpoint("twice")
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config("twice-sick", "sick"))
    kill(aws, name)
    wait_for(lambda: alive(aws, name))
    kill(aws, name)
    with pytest.raises(sagemaker.exceptions.ClientError, match="update in-progress"):
        sagemaker.delete_endpoint(EndpointName=name)
    found = settled(aws, name)
    assert found["EndpointStatus"] == "Failed"
    assert "again after one restart" in found["FailureReason"]
    wait_for(lambda: not processes(name))


def processes(name: str) -> list[str]:
    """Return the processes that serve for an endpoint."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"/endpoints/{name}-".encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def kill(aws, name: str) -> None:
    os.kill(ask(aws, name)["pid"], 9)


def alive(aws, name: str) -> int | None:
    client = aws.client("sagemaker-runtime")
    try:
        return ask(aws, name)["pid"]
    except client.exceptions.ServiceUnavailable:
        return None


def failed(sagemaker, name: str) -> dict | None:
    found = sagemaker.describe_endpoint(EndpointName=name)
    return found if found["EndpointStatus"] == "Failed" else None
