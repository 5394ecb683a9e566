"""`stacks/workflow.asl.json` with the names of a deployment in it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Aws

from stacks.config import Network
from stacks.errors import ConfigError

FILE = Path(__file__).resolve().parents[1] / "workflow.asl.json"
_AWS = "arn:aws:states:"
"""How the file writes integrations; partitions beside `aws` have arn:aws-cn and others."""
_JOB = f"{_AWS}::sagemaker:createTrainingJob.sync"
_NAME = re.compile(r"\$\{(\w+)\}")
_FUNCTION = re.compile(r"\$\{(\w+)FunctionArn\}")


def definition(names: Mapping[str, str], network: Network | None, text: str | None = None) -> str:
    """Return the definition of the state machine.

    Args:
        names: What stands for each `${Name}`; tokens are fine.
        network: Where jobs run; None leaves the VPC out.
        text: The file's content; None reads it.

    Raises:
        ConfigError: The file names something that nothing stands for.
    """
    machine = json.loads(FILE.read_text() if text is None else text)
    if network:
        _into_network(machine, network)
    result = json.dumps(machine, indent=1).replace(_AWS, f"arn:{Aws.PARTITION}:states:")
    unknown = sorted(set(_NAME.findall(result)) - set(names))
    if unknown:
        raise ConfigError(
            f"stacks/workflow.asl.json: nothing stands for ${{{unknown[0]}}}; "
            f"known are {', '.join(sorted(names))}"
        )
    return _NAME.sub(lambda match: names[match[1]], result)


def waiting_states(text: str | None = None) -> set[str]:
    """Return the names of functions that fail in good order while they wait for something.

    They are told by the definition: their states try errors again that not every function's state
    does, since these only mean that it is too early.

    Args:
        text: The definition's file; None reads it.

    Returns:
        Names as in `${NameFunctionArn}`, such as `EdgeDeploy`.
    """
    states = json.loads(FILE.read_text() if text is None else text)["States"].values()
    retried = {
        found[1]: {error for each in state["Retry"] for error in each["ErrorEquals"]}
        for state in states
        if (found := _FUNCTION.fullmatch(state.get("Parameters", {}).get("FunctionName", "")))
    }
    everywhere = set.intersection(*retried.values())
    return {name for name, errors in retried.items() if errors - everywhere}


def _into_network(machine: dict[str, object], network: Network) -> None:
    # SageMaker takes no empty VpcConfig, and the language has no way to leave a field out.
    states = machine["States"]
    assert isinstance(states, dict)
    for state in states.values():
        if state.get("Resource") == _JOB:
            state["Parameters"]["VpcConfig"] = {
                "Subnets": list(network.subnet_ids),
                "SecurityGroupIds": list(network.security_group_ids),
            }
