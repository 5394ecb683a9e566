"""The endpoint of a stage that pins a model package."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.config import Network, Serving
from stacks.parts.endpoint_rollout import rollout
from stacks.parts.metrics import SHADOW_VARIANT, VARIANT

_Config = sagemaker.CfnEndpointConfig


class Endpoint(Construct):
    """A model from a package of the registry, behind an endpoint with a promised name.

    Model and configuration have no names of their own: another package makes both anew, the
    endpoint moves to them, and the old ones go afterwards.

    Attributes:
        resource: The endpoint.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        package: str,
        serving: Serving,
        role: iam.IRole,
        key: kms.IKey,
        bucket: s3.IBucket,
        network: Network | None,
        alarms: Sequence[str],
    ) -> None:
        super().__init__(scope, id_)
        self._serving, self._role, self._network = serving, role, network
        shadow = serving.shadow_model_package
        config = _Config(
            self,
            "Config",
            kms_key_id=key.key_arn,
            production_variants=[self._variant(VARIANT, self._model("Model", package))],
            shadow_production_variants=[
                self._variant(SHADOW_VARIANT, self._model("ShadowModel", shadow))
            ]
            if shadow
            else None,
            data_capture_config=_capture(serving.capture_percent, bucket, key),
        )
        scales = scales_itself(serving)
        self.resource = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=name,
            endpoint_config_name=config.attr_endpoint_config_name,
            deployment_config=rollout(serving, alarms),
            # A new version must not begin with fewer instances than the load has brought about.
            retain_all_variant_properties=True if scales else None,
            exclude_retained_variant_properties=[
                sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type=kind)
                for kind in ("DesiredWeight", "DataCaptureConfig")
            ]
            if scales
            else None,
        )

    def _model(self, id_: str, package: str) -> str:
        network, serving = self._network, self._serving
        model = sagemaker.CfnModel(
            self,
            id_,
            execution_role_arn=self._role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                model_package_name=package,
                environment={"GUARD_SETTINGS": serving.guard_settings} if serving.guard else None,
            ),
            vpc_config=sagemaker.CfnModel.VpcConfigProperty(
                subnets=list(network.subnet_ids),
                security_group_ids=list(network.security_group_ids),
            )
            if network
            else None,
        )
        return model.attr_model_name

    def _variant(
        self, name: str, model: str
    ) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
        serving = self._serving
        if serving.serverless_memory_mb:
            return _Config.ProductionVariantProperty(
                variant_name=name,
                model_name=model,
                initial_variant_weight=1,
                serverless_config=_Config.ServerlessConfigProperty(
                    memory_size_in_mb=serving.serverless_memory_mb,
                    max_concurrency=serving.serverless_concurrency,
                ),
            )
        return _Config.ProductionVariantProperty(
            variant_name=name,
            model_name=model,
            initial_variant_weight=1,
            initial_instance_count=serving.instance_count,
            instance_type=serving.instance_type,
        )


def scales_itself(serving: Serving) -> bool:
    """Tell whether the number of instances follows the requests."""
    return not serving.serverless_memory_mb and serving.most_instances > serving.instance_count


def _capture(
    percent: int, bucket: s3.IBucket, key: kms.IKey
) -> sagemaker.CfnEndpointConfig.DataCaptureConfigProperty | None:
    if not percent:
        return None
    modes = ("Input", "Output")
    return _Config.DataCaptureConfigProperty(
        enable_capture=True,
        initial_sampling_percentage=percent,
        destination_s3_uri=bucket.s3_url_for_object("captured"),
        kms_key_id=key.key_arn,
        capture_options=[_Config.CaptureOptionProperty(capture_mode=mode) for mode in modes],
        # As text, which SageMaker would else keep as base64.
        capture_content_type_header=_Config.CaptureContentTypeHeaderProperty(
            json_content_types=["application/json"]
        ),
    )
