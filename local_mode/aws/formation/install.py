"""Teaches moto's CloudFormation the kinds of `local_mode.aws.formation.kinds`.

It hangs on private names of moto: `tests/local_mode/test_moto_canaries.py` watches them.
"""

import importlib
from typing import Any

from local_mode.aws.formation.deletion import NoOutputs, delete_resources
from local_mode.aws.formation.kind import ClientFactory, Kind, Made
from local_mode.aws.formation.kinds import KINDS

PARSING = "moto.cloudformation.parsing"
MODELS = "moto.core.common_models"
STACKS = "moto.cloudformation.models"
BUCKETS = "moto.s3.models"
PERMISSIONS = "moto.iam.access_control"


def install(client: ClientFactory) -> None:
    """Register the kinds; called once in a server's life, before the first stack.

    Args:
        client: Returns the boto3 client of a service of this local AWS.
    """
    parsing = importlib.import_module(PARSING)
    base = importlib.import_module(MODELS).CloudFormationModel
    # The list is searched before the map, and would give the name of moto's own model.
    parsing.get_model_list()[:] = [
        model for model in parsing.get_model_list() if model.cloudformation_type() not in KINDS
    ]
    for type_, kind in KINDS.items():
        members = {"type": type_, "kind": kind, "client": staticmethod(client)}
        parsing.get_model_map()[type_] = type("Resource", (_Resource, base), members)
        parsing.get_name_type_map()[type_] = kind.name
    _delete_in_order(client, parsing)
    _keep_policies_unapplied()
    _name_repositories(parsing)


def _delete_in_order(client: ClientFactory, parsing: Any) -> None:  # noqa: ANN401
    """Delete stacks as AWS does; see `local_mode.aws.formation.deletion`."""
    stack, refusal = importlib.import_module(STACKS).Stack, parsing.ValidationError
    delete = stack.delete

    def deleted(self: Any) -> None:  # noqa: ANN401
        try:
            delete(self)
        except RuntimeError as fault:
            raise refusal(message=str(fault)) from fault
        self.output_map = NoOutputs()

    stack.delete = deleted
    parsing.ResourceMap.delete = lambda self: delete_resources(client, self)


def _keep_policies_unapplied() -> None:
    """Keep bucket policies without applying them.

    moto applies them without their conditions: a policy that refuses what comes without TLS would
    refuse everything, and on loopback there is no TLS.
    """
    neutral = importlib.import_module(PERMISSIONS).PermissionResult.NEUTRAL
    importlib.import_module(BUCKETS).FakeBucket.get_permission = lambda *_: neutral


def _name_repositories(parsing: Any) -> None:  # noqa: ANN401
    """Name repositories in lower case, as AWS does; moto refuses the names that it makes."""
    generate = parsing.generate_resource_name

    def generated(resource_type: str, stack_name: str, logical_id: str) -> str:
        name: str = generate(resource_type, stack_name, logical_id)
        return name.lower() if resource_type == "AWS::ECR::Repository" else name

    parsing.generate_resource_name = generated


class _Resource:
    """One resource of a stack, with the methods that moto's engine calls.

    Attributes:
        type: Its type, as templates name it.
        kind: How it is made and removed.
        client: Returns the boto3 client of a service.
    """

    type: str
    kind: Kind
    client: ClientFactory

    def __init__(self, made: Made, properties: dict[str, Any]) -> None:
        self.made, self.properties = made, properties

    @property
    def physical_resource_id(self) -> str:
        return self.made.identifier

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.type

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.kind.name

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.kind.attributes

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.made.attributes[attribute_name]

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: object,
    ) -> "_Resource":
        properties = cloudformation_json["Properties"]
        return cls(cls.kind.create(cls.client, resource_name, properties), properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "_Resource",
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "_Resource":
        properties, before = cloudformation_json["Properties"], original_resource
        if cls.kind.update is not None:
            made = cls.kind.update(cls.client, before.physical_resource_id, properties)
            return cls(made, properties)
        made = cls.kind.create(cls.client, new_resource_name, properties)
        before.delete(account_id, region_name)
        return cls(made, properties)

    def delete(self, account_id: str, region_name: str) -> None:
        self.kind.delete(self.client, self.made.identifier, self.properties)

    @classmethod
    def delete_from_cloudformation_json(cls, *_: object) -> None:
        """Stand where the engine looks after a fault of `delete`, which then tries again."""
        raise RuntimeError(f"{cls.type}: could not be deleted")

    def is_created(self) -> bool:
        return True
