"""The topic that people and programs hear of faults and alarms by."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.parts.acknowledge import acknowledge


class Notifications(Construct):
    """An encrypted topic that takes messages over TLS alone.

    Attributes:
        topic: The topic.
    """

    def __init__(self, scope: Construct, id_: str, *, key: kms.IKey, email: str | None) -> None:
        super().__init__(scope, id_)
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        services = ("cloudwatch.amazonaws.com", "events.amazonaws.com")
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Publishers",
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal(name) for name in services],
                resources=[self.topic.topic_arn],
            )
        )
        if email:
            sns.Subscription(
                self,
                "Email",
                topic=self.topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=email,
            )
            acknowledge(
                self,
                "Serverless::Serverless-SNSRedrivePolicy",
                "A mail that is not taken would help nobody in a queue; the alarm shows its state.",
            )
