"""Values of templates as people read them: references become words, ARNs lose what all have."""

import re
from collections.abc import Mapping
from typing import Any

_PSEUDO = {
    "AWS::StackId": "this stack",
    "AWS::AccountId": "ACCOUNT",
    "AWS::Partition": "aws",
    "AWS::Region": "REGION",
    "AWS::URLSuffix": "amazonaws.com",
}
_WORDS = {
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::ECR::Repository": "repository",
    "AWS::IAM::Role": "role",
    "AWS::KMS::Key": "key",
    "AWS::Lambda::Function": "function",
    "AWS::Logs::LogGroup": "log group",
    "AWS::S3::Bucket": "bucket",
    "AWS::SNS::Topic": "topic",
    "AWS::StepFunctions::StateMachine": "state machine",
}
_ARN = re.compile(r"arn:aws:[a-z0-9-]+:(REGION)?:(ACCOUNT)?:")
_BUCKET = re.compile(r"arn:aws:s3:::")
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_MADE = re.compile(r"[0-9A-F]{8}$")


class Readable:
    """The templates of a stage, read together since they refer to each other.

    Args:
        templates: By the names of the stacks, `<project>-<stage>-<Part>`.
    """

    def __init__(self, templates: Mapping[str, Mapping[str, Any]]) -> None:
        self._templates = templates
        self._exports = {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def text(self, stack: str, value: object) -> str:
        """Return a value of a stack's template in words.

        Args:
            stack: Name of the stack.
            value: A text, a number, a boolean, or a reference.

        Raises:
            ValueError: It holds a function that is not known here.
        """
        resolved = self._resolve(stack, value)
        resolved = _BUCKET.sub("bucket ", resolved)
        return _HASH.sub("HASH", _ARN.sub("", resolved))

    def name(self, stack: str, logical_id: str) -> str:
        """Return the name of a resource without the stage's, or its id without the hash."""
        properties = self._resource(stack, logical_id).get("Properties", {})
        given = [value for key, value in properties.items() if key in ("RoleName", "AlarmName")]
        if not given:
            return _MADE.sub("", logical_id)
        prefix = stack.rpartition("-")[0]
        return str(given[0]).removeprefix(f"{prefix}-")

    def _resolve(self, stack: str, value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, dict):
            return str(value)
        [(function, argument)] = value.items()
        if function == "Ref":
            return _PSEUDO.get(argument) or self._named(stack, argument)
        if function == "Fn::GetAtt":
            return self._named(stack, argument[0])
        if function == "Fn::ImportValue":
            return self._resolve(*self._exports[self._resolve(stack, argument)])
        if function == "Fn::Join":
            return str(argument[0]).join(self._resolve(stack, part) for part in argument[1])
        if function == "Fn::Sub" and isinstance(argument, str):
            return re.sub(
                r"\$\{([^}]+)\}", lambda it: self._resolve(stack, {"Ref": it[1]}), argument
            )
        raise ValueError(f"{stack}: {function} is not known in stacks/security/readable.py")

    def _named(self, stack: str, logical_id: str) -> str:
        kind = self._resource(stack, logical_id)["Type"]
        word = _WORDS.get(kind, kind.rpartition("::")[2].lower())
        return f"{word} {self.name(stack, logical_id)}"

    def _resource(self, stack: str, logical_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._templates[stack]["Resources"][logical_id]
        return found
