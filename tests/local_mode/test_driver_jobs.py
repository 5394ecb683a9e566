"""Jobs whose request brings the program's start along, as SDK version 3 sends them."""

import json
import subprocess

from local_mode.aws.training.container import Container
from local_mode.aws.training.drivers import brings_drivers, driver_command
from tests.local_mode.support import (
    BUCKET,
    channel,
    end_of_job,
    job_request,
    log_lines,
    read_object,
    unpack,
)

START = """#!/bin/bash
set -e
python3 /opt/ml/input/data/sm_drivers/scripts/environment.py
source /opt/ml/input/job.env
cd /opt/ml/input/data/code
exec python3 "$ENTRY"
"""
ENVIRONMENT = """import json
settings = json.load(open("/opt/ml/input/config/hyperparameters.json"))
open("/opt/ml/input/job.env", "w").write(f"export ENTRY={settings['entry']} ROOT=/opt/ml")
"""
PROGRAM = """import os, pathlib, sys
base = pathlib.Path(os.environ["ROOT"])
print("loss: 0.5")
if os.environ.get("FAIL"):
    (base / "output/failure").write_text("asked to fail")
    sys.exit(7)
base.joinpath("model/where.txt").write_text(f"{os.environ['ROOT']} /opt/ml/model {os.getcwd()}")
"""
COMMAND = (
    "chmod +x /opt/ml/input/data/sm_drivers/start.sh && /opt/ml/input/data/sm_drivers/start.sh"
)


def driver_request(aws, name, **members):
    for key, text in {
        "code/work.py": PROGRAM,
        "sm_drivers/start.sh": START,
        "sm_drivers/scripts/environment.py": ENVIRONMENT,
    }.items():
        aws.client("s3").put_object(Bucket=BUCKET, Key=f"drivers/{key}", Body=text.encode())
    places = [channel(one, f"s3://{BUCKET}/drivers/{one}") for one in ("code", "sm_drivers")]
    request = job_request(name, "learn", InputDataConfig=places, **members)
    request["HyperParameters"] = {"entry": "work.py"}
    request["AlgorithmSpecification"] |= {
        "ContainerEntrypoint": ["/bin/bash"],
        "ContainerArguments": ["-c", COMMAND],
    }
    return request


def test_the_scripts_of_the_channel_run_in_the_folder_of_the_job(aws):
    aws.client("sagemaker").create_training_job(**driver_request(aws, "driven"))
    job = end_of_job(aws, "driven")
    assert job["TrainingJobStatus"] == "Completed", job
    root, unchanged, folder = unpack(read_object(aws, job["ModelArtifacts"]["S3ModelArtifacts"]))[
        "where.txt"
    ].split()
    assert root.endswith("/algo-1")
    # Only the drivers are made to fit: the code of the user is as it was sent.
    assert unchanged == "/opt/ml/model"
    assert folder == str(aws.state_dir / "training/driven/algo-1/input/data/code")
    assert [one["MetricName"] for one in job["FinalMetricDataList"]] == ["loss"]
    lines = log_lines(aws, "/aws/sagemaker/TrainingJobs", "driven/")
    assert "(no SageMaker instance does)" in lines[0]


def test_a_program_that_fails_fails_its_job(aws):
    request = driver_request(aws, "driven-badly", Environment={"FAIL": "1"})
    aws.client("sagemaker").create_training_job(**request)
    assert end_of_job(aws, "driven-badly")["FailureReason"] == (
        "AlgorithmError: asked to fail, exit code: 7"
    )


def test_a_tree_may_have_a_space_in_its_path(tmp_path):
    base, links = tmp_path / "a checkout" / "algo-1", tmp_path / "links"
    scripts = base / "input/data/sm_drivers"
    scripts.mkdir(parents=True)
    links.mkdir()
    (scripts / "start.sh").write_text("echo made >> /opt/ml/here\necho /opt/mla /opt/ml\n")
    words = ["-c", "bash /opt/ml/input/data/sm_drivers/start.sh"]
    specification = {"ContainerEntrypoint": ["/bin/bash"], "ContainerArguments": words}
    container = Container(base, {"AlgorithmSpecification": specification}, "h", ("h",))
    command = driver_command(container, links)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (base / "here").read_text() == "made\n"
    assert output.split() == ["/opt/mla", str(links / "algo-1")]


def test_an_entry_point_alone_is_none_that_can_run_here():
    specification = {"ContainerEntrypoint": ["/bin/bash"]}
    code = {"ChannelName": "code"}
    request = {"AlgorithmSpecification": specification, "InputDataConfig": [code]}
    assert not brings_drivers(request)
    assert not brings_drivers({"AlgorithmSpecification": specification})
    assert brings_drivers(json.loads(json.dumps(request).replace('"code"', '"sm_drivers"')))
    assert not brings_drivers({"AlgorithmSpecification": {}, "InputDataConfig": [code]})
