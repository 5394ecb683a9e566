"""How many instances an endpoint has, by the number of its requests."""

from aws_cdk import aws_applicationautoscaling as scaling
from constructs import Construct

from stacks.parts.metrics import VARIANT

REQUESTS_PER_INSTANCE = 600
"""In a minute; an instance takes several times as many."""

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


class EndpointScaling(Construct):
    """Adds instances within minutes and takes them away slowly.

    SageMaker refuses another instance type while this is there: set `most_instances` to
    `instance_count` in one deployment, change the type in the next.
    """

    def __init__(self, scope: Construct, id_: str, *, endpoint: str, least: int, most: int) -> None:
        super().__init__(scope, id_)
        target = scaling.CfnScalableTarget(
            self,
            "Target",
            service_namespace="sagemaker",
            scalable_dimension=_DIMENSION,
            resource_id=f"endpoint/{endpoint}/variant/{VARIANT}",
            min_capacity=least,
            max_capacity=most,
        )
        metric = "SageMakerVariantInvocationsPerInstance"
        scaling.CfnScalingPolicy(
            self,
            "Policy",
            policy_name="requests",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=scaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=REQUESTS_PER_INSTANCE,
                predefined_metric_specification=scaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type=metric
                ),
                scale_out_cooldown=60,
                scale_in_cooldown=600,
            ),
        )
