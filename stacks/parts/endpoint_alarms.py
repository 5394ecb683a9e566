"""Alarms of the endpoint, which also take back a deployment that sets them off.

They watch the endpoint by its name, so they are there before it is: whoever deploys, this stack
or the workflow, can name them from the first time on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.parts.alarms import add_alarm
from stacks.parts.metrics import endpoint_metric


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What an alarm watches.

    Attributes:
        metric: Of the endpoint's variant.
        statistic: Over a minute.
        above: The largest good value.
        description: What has happened.
    """

    metric: str
    statistic: str
    above: float
    description: str


WATCHES: Mapping[str, Watch] = {
    # These two metrics are 0 or 1 for each request: their average is a share.
    "errors": Watch(
        metric="Invocation5XXErrors",
        statistic="Average",
        above=0.01,
        description="More than 1 % of the requests to the endpoint end in a fault: see its log",
    ),
    "refusals": Watch(
        metric="Invocation4XXErrors",
        statistic="Average",
        above=0.5,
        description="The endpoint refuses more than half of the requests: either callers send "
        "what it never took, or a new version no longer takes it",
    ),
    "latency": Watch(
        metric="ModelLatency",
        statistic="p95",
        above=1_000_000,  # microseconds
        description="The endpoint takes more than a second for a decision",
    ),
}

LOOK_BACK_MINUTES = 5
BAD_MINUTES = 2
"""Not one: a decision each minute makes a single fault 100 % of its minute."""


def alarm_names(endpoint: str) -> list[str]:
    """Return the names of an endpoint's alarms."""
    return [f"{endpoint}-endpoint-{kind}" for kind in WATCHES]


class EndpointAlarms(Construct):
    """The alarms.

    Attributes:
        all: The alarms; SageMaker takes at most ten for a roll-back.
        names: Their names.
    """

    def __init__(self, scope: Construct, id_: str, *, endpoint: str, topic: sns.ITopic) -> None:
        super().__init__(scope, id_)
        self.names = alarm_names(endpoint)
        self.all = [
            add_alarm(
                self,
                kind.title(),
                name=name,
                description=watch.description,
                metric=endpoint_metric(endpoint, watch.metric, watch.statistic),
                topic=topic,
                above=watch.above,
                within=LOOK_BACK_MINUTES,
                points=BAD_MINUTES,
            )
            for name, (kind, watch) in zip(self.names, WATCHES.items(), strict=True)
        ]
