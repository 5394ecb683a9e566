"""The AWS calls that handlers and definition can make, read from their text."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

from tests.stacks.synthesis import ROOT

HANDLERS = ROOT / "lambdas"

# Where IAM calls it otherwise than the service's model does.
_ACTIONS = {
    "lambda:Invoke": ("lambda:InvokeFunction",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3:DeleteObjects": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
}
# What a request asks for besides, by the parameter that asks.
_BESIDES = {
    "Tags": "sagemaker:AddTags",
    "RoleArn": "iam:PassRole",
    "ExecutionRoleArn": "iam:PassRole",
    # Of Greengrass: a deployment to a target is a job of AWS IoT in the caller's name.
    "tags": "greengrass:TagResource",
    "targetArn": "iot:CreateJob",
}
_SERVICES = {"monitoring": "cloudwatch", "sfn": "states"}
_NO_CALLS = ("meta", "exceptions", "close")


@cache
def operations(service: str) -> Mapping[str, str]:
    """Return the operations of a service by the names of boto3's methods."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


@cache
def actions(service: str, operation: str) -> tuple[str, ...]:
    """Return the IAM actions of an operation."""
    model = botocore.session.get_session().get_service_model(service)
    prefix = _SERVICES.get(model.signing_name, model.signing_name)
    return _ACTIONS.get(f"{prefix}:{operation}", (f"{prefix}:{operation}",))


class Source:
    """The modules of `lambdas/`, looked at name by name."""

    def __init__(self, folder: Path = HANDLERS) -> None:
        trees = {file.stem: ast.parse(file.read_text()) for file in folder.glob("*.py")}
        self._nodes = {
            (module, name): node
            for module, tree in trees.items()
            for node in tree.body
            for name in _defined(node)
        }
        self._imports = {module: dict(_imported(tree)) for module, tree in trees.items()}
        # Clients are called the same everywhere: `s3=client("s3")`, then `s3.get_object(…)`.
        self._clients = {
            name: service for tree in trees.values() for name, service in _clients(tree)
        }
        self._modules = {name for tree in trees.values() for name in _modules(tree)}

    def steps(self) -> list[str]:
        """List the modules with a handler."""
        return sorted(module for module, name in self._nodes if name == "handler")

    def reached(self, step: str) -> Iterator[ast.AST]:
        """Yield everything that the handler can lead to, functions and classes as a whole."""
        seen: set[tuple[str, str]] = set()
        open_ = [(step, "handler")]
        while open_:
            key = open_.pop()
            if key in seen or key not in self._nodes:
                continue
            seen.add(key)
            yield self._nodes[key]
            module = key[0]
            for name in _names(self._nodes[key]):
                open_.append(self._imports[module].get(name, (module, name)))

    def actions(self, step: str) -> set[str]:
        """Return the IAM actions of the calls that a handler can make.

        Raises:
            AssertionError: Something is called like an operation, but on what is no known client.
        """
        found = set()
        for node in self.reached(step):
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    found |= self._call(call, call.func)
        return found

    def _call(self, call: ast.Call, function: ast.Attribute) -> set[str]:
        receiver = ast.unparse(function.value).rpartition(".")[2]
        method = function.attr
        if receiver in self._modules:
            return set()
        if receiver not in self._clients:
            known = any(method in operations(service) for service in self._clients.values())
            assert not known, f"{ast.unparse(call)}: name the client as where it is made"
            return set()
        service = self._clients[receiver]
        if method in ("get_paginator", "get_waiter"):
            assert method == "get_paginator", "waiters are not followed here"
            [argument] = call.args
            assert isinstance(argument, ast.Constant)
            method = str(argument.value)
        if method in _NO_CALLS:
            return set()
        besides = {_BESIDES[item.arg] for item in call.keywords if item.arg in _BESIDES}
        return besides | set(actions(service, operations(service)[method]))

    def mentions(self, step: str, text: str) -> bool:
        """Tell whether a handler reaches code that compares with a text."""
        return any(
            isinstance(part, ast.Constant) and part.value == text
            for node in self.reached(step)
            for part in ast.walk(node)
        )


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.asname or alias.name for alias in node.names)


def _imported(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lambdas."):
            for alias in node.names:
                yield alias.asname or alias.name, (str(node.module)[8:], alias.name)


def _clients(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg:
            name, value = node.arg, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        else:
            continue
        if isinstance(value, ast.Call) and ast.unparse(value.func) in ("client", "boto3.client"):
            argument = value.args[0]
            assert isinstance(argument, ast.Constant), ast.unparse(value)
            yield name, str(argument.value)


def _names(node: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name))


_TASK = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(\w+):(\w+)(\.sync(?::2)?|\.waitForTaskToken)?")


def definition_actions(machine: Mapping[str, Any]) -> set[str]:
    """Return the IAM actions of a definition's tasks, those of waiting for their end included."""
    found = set()
    for task in tasks(machine).values():
        match = _TASK.fullmatch(task["Resource"])
        assert match, f"{task['Resource']}: tell here which action this is"
        service, operation = match[1], match[2][0].upper() + match[2][1:]
        found |= set(_ACTIONS.get(f"{service}:{operation}", (f"{service}:{operation}",)))
        parameters = {key.removesuffix(".$") for key in task["Parameters"]}
        found |= {_BESIDES[name] for name in parameters & _BESIDES.keys()}
        if match[3] and operation == "CreateTrainingJob":
            found |= {"sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"}
    return found


def tasks(machine: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tasks of a definition by name, those of branches and maps included."""
    found = {}
    for name, state in machine["States"].items():
        if state["Type"] == "Task":
            found[name] = state
        inner = [*state.get("Branches", ()), state.get("Iterator"), state.get("ItemProcessor")]
        for part in filter(None, inner):
            found |= tasks(part)
    return found
