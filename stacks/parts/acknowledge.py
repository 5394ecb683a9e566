"""Findings of cdk-nag that are right about the template and wrong about the risk, with the reason.

The only way used: `Pack::Rule[finding]` on the nearest construct, which stays in the report as
acknowledged. A bare rule would vanish from it.
"""

from aws_cdk import Acknowledgment, Validations
from constructs import Construct


def acknowledge(construct: Construct, finding: str, reason: str) -> None:
    """Acknowledge a finding on a construct and what is below it.

    Args:
        construct: The nearest construct that has all places of the finding.
        finding: `Pack::Rule` or `Pack::Rule[finding]`.
        reason: Why it is no risk here, a sentence.
    """
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def wildcard(resource: str) -> str:
    """Return the finding of a wildcard in a policy's resource."""
    return f"AwsSolutions::AwsSolutions-IAM5[Resource::{resource}]"


def wildcard_arn(service: str, resource: str) -> str:
    """Return the finding of a wildcard in an ARN of this account and region."""
    return wildcard(f"arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:{resource}")
