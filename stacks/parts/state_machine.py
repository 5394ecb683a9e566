"""The state machine, which is the workflow."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.config import Network
from stacks.parts.acknowledge import acknowledge, wildcard_arn
from stacks.parts.definition import definition
from stacks.parts.encryption import lend_key, use_key
from stacks.parts.functions import Functions
from stacks.parts.logging import log_group
from stacks.parts.permissions import (
    SAGEMAKER,
    STATE_MACHINE,
    Names,
    pass_role,
    statements,
)
from stacks.parts.roles import Roles, allow, arn, title

# Step Functions hears of the end of a job by a rule that it keeps for all its state machines.
SYNC_RULE = "StepFunctionsGetEventsForSageMakerTrainingJobsRule"


class StateMachine(Construct):
    """`stacks/workflow.asl.json` on Step Functions, with every event logged and traced.

    Attributes:
        resource: The state machine.
        arn: Its ARN.
        log_group: Every event of every execution.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        roles: Roles,
        functions: Functions,
        names: Names,
        key: kms.IKey,
        network: Network | None,
        log_days: int,
    ) -> None:
        super().__init__(scope, id_)
        # Step Functions asks for this prefix: other names would fill a policy of limited size.
        self.log_group = log_group(
            self,
            "Logs",
            key=key,
            days=log_days,
            name=f"/aws/vendedlogs/states/{Stack.of(self).stack_name}",
        )
        policy = allow(
            roles["state_machine"],
            "Policy",
            scope=self,
            description="What the state machine may do",
            statements=[
                *statements(self, STATE_MACHINE, names),
                *self._own_statements(roles, functions, key),
            ],
        )
        acknowledge(
            policy,
            wildcard_arn("sagemaker", "training-job/rl-*"),
            "Executions name their jobs; nothing else of the account is called rl-.",
        )
        text = definition(
            {
                f"{title(step)}FunctionArn": function.function_arn
                for step, function in functions.by_step.items()
            }
            | {"TrainingRoleArn": roles["training"].role_arn},
            network,
        )
        self.resource = sfn.CfnStateMachine(
            self,
            "Resource",
            role_arn=roles["state_machine"].role_arn,
            definition_string=text,
            encryption_configuration=sfn.CfnStateMachine.EncryptionConfigurationProperty(
                type="CUSTOMER_MANAGED_KMS_KEY",
                kms_key_id=key.key_id,
                kms_data_key_reuse_period_seconds=300,
            ),
            tracing_configuration=sfn.CfnStateMachine.TracingConfigurationProperty(enabled=True),
            logging_configuration=sfn.CfnStateMachine.LoggingConfigurationProperty(
                level="ALL",
                include_execution_data=True,
                destinations=[
                    sfn.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=sfn.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=self.log_group.log_group_arn
                        )
                    )
                ],
            ),
        )
        self.resource.node.add_dependency(policy)
        self.arn = self.resource.ref

    def _own_statements(
        self, roles: Roles, functions: Functions, key: kms.IKey
    ) -> list[iam.PolicyStatement]:
        rule = arn(self, "events", "rule", SYNC_RULE)
        return [
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                resources=[each.function_arn for each in functions.by_step.values()],
            ),
            pass_role(roles["training"], SAGEMAKER),
            iam.PolicyStatement(
                actions=["events:PutTargets", "events:PutRule", "events:DescribeRule"],
                resources=[rule],
            ),
            use_key(key, write=True),
            lend_key(key),
        ]
