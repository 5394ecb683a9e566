"""What an endpoint runs on and how a new version takes over: the stage's settings as requests.

`stacks/parts/endpoint.py` says the same to CloudFormation, for a stage that pins its version.
"""

from dataclasses import dataclass

VARIANT = "AllTraffic"
JSON = "application/json"

PROVISION_SECONDS = 3600
"""What the new fleet may take, besides waiting, until the deployment is given up."""

Request = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """Environment variables of the function that deploys; lists are separated by commas.

    The defaults are one instance, replaced all at once: what takes no alarms and no network.
    """

    endpoint_instance_type: str
    endpoint_instance_count: int = 1
    endpoint_serverless_memory_mb: int = 0
    endpoint_serverless_concurrency: int = 5
    artifact_bucket: str = ""
    capture_percent: int = 0
    canary_percent: int = 0
    bake_seconds: int = 0
    rollback_alarms: str = ""
    subnet_ids: str = ""
    security_group_ids: str = ""
    kms_key_arn: str = ""
    guard_settings: str = "{}"

    def variant(self, model: str) -> Request:
        """Describe the one variant: instances, or what SageMaker calls serverless."""
        named = {"VariantName": VARIANT, "ModelName": model, "InitialVariantWeight": 1.0}
        if self.endpoint_serverless_memory_mb:
            size = {
                "MemorySizeInMB": self.endpoint_serverless_memory_mb,
                "MaxConcurrency": self.endpoint_serverless_concurrency,
            }
            return named | {"ServerlessConfig": size}
        return named | {
            "InitialInstanceCount": self.endpoint_instance_count,
            "InstanceType": self.endpoint_instance_type,
        }

    def environment(self) -> dict[str, str]:
        """Return the variables of the model's containers: guard rails other than the model's."""
        if self.guard_settings in ("", "{}"):
            return {}
        return {"GUARD_SETTINGS": self.guard_settings}

    def network(self) -> Request:
        """Describe where the model's containers run, for CreateModel."""
        if not self.subnet_ids:
            return {}
        groups = _names(self.security_group_ids)
        return {"VpcConfig": {"Subnets": _names(self.subnet_ids), "SecurityGroupIds": groups}}

    def storage(self) -> Request:
        """Describe encryption and the capture of requests, for CreateEndpointConfig."""
        key = {"KmsKeyId": self.kms_key_arn} if self.kms_key_arn else {}
        # A serverless endpoint captures nothing.
        if not self.capture_percent or self.endpoint_serverless_memory_mb:
            return {**key}
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": self.capture_percent,
            "DestinationS3Uri": f"s3://{self.artifact_bucket}/captured",
            "CaptureOptions": [{"CaptureMode": mode} for mode in ("Input", "Output")],
            # As text, which SageMaker would else keep as base64.
            "CaptureContentTypeHeader": {"JsonContentTypes": [JSON]},
        }
        return {"DataCaptureConfig": capture | key, **key}

    def rollout(self) -> Request:
        """Describe how a fleet is replaced, for UpdateEndpoint.

        Returns:
            Nothing without alarms, since waiting is of no use then, nor for a serverless endpoint:
            SageMaker then replaces everything at once, and does not look back.
        """
        alarms = _names(self.rollback_alarms)
        if not alarms or self.endpoint_serverless_memory_mb:
            return {}
        policy = {
            "TrafficRoutingConfiguration": self._routing(),
            "TerminationWaitInSeconds": self.bake_seconds,
            "MaximumExecutionTimeoutInSeconds": PROVISION_SECONDS + 2 * self.bake_seconds,
        }
        config = {
            "BlueGreenUpdatePolicy": policy,
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]},
        }
        return {"DeploymentConfig": config}

    def _routing(self) -> Request:
        # One instance has no part that could go first.
        if self.endpoint_instance_count < 2 or not self.canary_percent:
            return {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        # A number, since a percentage of two or three instances may come to none.
        first = max(1, self.endpoint_instance_count * self.canary_percent // 100)
        return {
            "Type": "CANARY",
            "WaitIntervalInSeconds": self.bake_seconds,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": first},
        }


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
