"""Templates as if they stood in an account: intrinsic functions resolved to plausible values.

A function that is not known here raises, so that nothing is compared with half a value.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from tests.stacks.synthesis import Template, Templates, resources

ACCOUNT = "123456789012"
REGION = "us-east-1"
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/this/1",
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
_PLACE = f"{REGION}:{ACCOUNT}"
_ARNS = {
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{_PLACE}:alarm:{{}}",
    "AWS::ECR::Repository": f"arn:aws:ecr:{_PLACE}:repository/{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{_PLACE}:rule/{{}}",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{_PLACE}:key/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_PLACE}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_PLACE}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": f"arn:aws:sns:{_PLACE}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_PLACE}:{{}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{_PLACE}:stateMachine:{{}}",
}
_REF_IS_ARN = ("AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine")


class Deployed:
    """Stacks that refer to each other, deployed to one account and region."""

    def __init__(self, templates: Templates) -> None:
        self.templates = templates
        self._of_type: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
        self._exports = {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def of_type(self, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Return stack, logical id and resolved properties of the resources of a type."""
        if kind not in self._of_type:
            self._of_type[kind] = [
                (stack, logical_id, self.resolve(stack, resource.get("Properties", {})))
                for stack, logical_id, resource in resources(self.templates)
                if resource["Type"] == kind
            ]
        return self._of_type[kind]

    def resolve(self, stack: str, value: Any) -> Any:
        """Return a value of a stack's template without intrinsic functions."""
        if isinstance(value, list):
            return [self.resolve(stack, item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._functions[name](self, stack, argument)
        return {key: self.resolve(stack, item) for key, item in value.items()}

    def arn(self, stack: str, logical_id: str) -> str:
        """Return the ARN of a resource."""
        kind = self._resource(stack, logical_id)["Type"]
        service, name = kind.split("::")[-2:]
        hyphens = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
        plain = f"arn:aws:{service.lower()}:{_PLACE}:{hyphens}/{{}}"
        return _ARNS.get(kind, plain).format(self.name(stack, logical_id))

    def name(self, stack: str, logical_id: str) -> str:
        """Return the name of a resource, as given or as CloudFormation would make it."""
        resource = self._resource(stack, logical_id)
        properties, kind = resource.get("Properties", {}), resource["Type"].split("::")[-1]
        given = properties.get(f"{kind}Name", properties.get("Name"))
        made = f"{stack}-{logical_id}"
        if kind == "Bucket":
            made = made.lower()
        return str(made if given is None else self.resolve(stack, given))

    def _resource(self, stack: str, logical_id: str) -> Template:
        found: Template = self.templates[stack]["Resources"][logical_id]
        return found

    def _ref(self, stack: str, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        parameters = self.templates[stack].get("Parameters", {})
        if name in parameters:
            return str(parameters[name].get("Default", name))
        is_arn = self._resource(stack, name)["Type"] in _REF_IS_ARN
        return self.arn(stack, name) if is_arn else self.name(stack, name)

    def _attribute(self, stack: str, path: str | list[str]) -> str:
        logical_id, _, attribute = (path if isinstance(path, str) else ".".join(path)).partition(
            "."
        )
        if attribute.endswith("Arn"):
            return self.arn(stack, logical_id)
        return f"{self.name(stack, logical_id)}.{attribute}"

    def _substitute(self, stack: str, argument: str | list[Any]) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in given:
                return str(self.resolve(stack, given[name]))
            return self._attribute(stack, name) if "." in name else self._ref(stack, name)

        return re.sub(r"\$\{([^!}][^}]*)\}", value, text)

    def _import(self, stack: str, name: Any) -> Any:
        return self.resolve(*self._exports[self.resolve(stack, name)])

    def _join(self, stack: str, argument: list[Any]) -> str:
        return str(argument[0]).join(map(str, self.resolve(stack, argument[1])))

    def _select(self, stack: str, argument: list[Any]) -> Any:
        return self.resolve(stack, argument[1])[int(argument[0])]

    def _split(self, stack: str, argument: list[Any]) -> list[str]:
        return str(self.resolve(stack, argument[1])).split(argument[0])

    _functions: ClassVar[dict[str, Callable[["Deployed", str, Any], Any]]] = {
        "Ref": _ref,
        "Fn::GetAtt": _attribute,
        "Fn::Sub": _substitute,
        "Fn::ImportValue": _import,
        "Fn::Join": _join,
        "Fn::Select": _select,
        "Fn::Split": _split,
    }
