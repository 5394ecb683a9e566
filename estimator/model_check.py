"""A request against botocore's model of the service: members, types, limits, patterns, choices.

botocore itself checks members, types and lower limits before it sends anything; the rest only AWS
would say, after the upload.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from estimator.errors import EstimatorError
from estimator.toolkits import nearest


def check_request(operation: str, request: Mapping[str, Any]) -> None:
    """Check a request of SageMaker's control plane.

    Raises:
        EstimatorError: If the service would refuse it by its form.
    """
    from botocore.validate import ParamValidator

    shape = _service().operation_model(operation).input_shape
    problems = ParamValidator().validate(dict(request), shape)
    if problems.has_errors():
        raise EstimatorError(_one_line(problems.generate_report()))
    for problem in _problems(shape, request, ""):
        raise EstimatorError(problem)


def check_choice(shape: str, value: str, argument: str) -> None:
    """Check one value against the choices of a shape, e.g. an instance type.

    Raises:
        EstimatorError: If it is none of them; the nearest is named.
    """
    choices = _service().shape_for(shape).enum
    if value not in choices:
        raise EstimatorError(f"{argument}: there is no {value!r}{_suggestion(value, choices)}")


@functools.cache
def _service() -> Any:  # noqa: ANN401 - botocore has no types
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    # Not by a session: that one reads a user's profile, which a local job has no use for.
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"))


def _one_line(report: str) -> str:
    return f"the request is not valid: {' '.join(report.split())}"


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    find = _FINDERS.get(shape.type_name)
    if find is not None:
        yield from find(shape, value, path)


def _structure(shape: Any, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    for name, member in value.items():
        yield from _problems(shape.members[name], member, f"{path}.{name}".lstrip("."))


def _list(shape: Any, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    yield from _length(shape, value, path, "entries")
    for number, member in enumerate(value):
        yield from _problems(shape.member, member, f"{path}[{number}]")


def _map(shape: Any, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    yield from _length(shape, value, path, "entries")
    for name, member in value.items():
        yield from _problems(shape.key, name, f"{path}: the name {name!r}")
        yield from _problems(shape.value, member, f"{path}.{name}")


def _string(shape: Any, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    yield from _length(shape, value, path, "characters")
    if shape.enum and value not in shape.enum:
        yield f"{path}: there is no {value!r}{_suggestion(value, shape.enum)}"
    pattern = _compiled(shape.metadata.get("pattern", ""))
    if pattern is not None and not pattern.fullmatch(value):
        yield f"{path} is {value!r}, which SageMaker refuses: it has to match {pattern.pattern}"


def _number(shape: Any, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    highest = shape.metadata.get("max")
    if highest is not None and value > highest:
        yield f"{path} is {value}: SageMaker takes {highest} at most"


_FINDERS = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
}


def _length(shape: Any, value: Any, path: str, unit: str) -> Iterator[str]:  # noqa: ANN401
    highest = shape.metadata.get("max")
    if highest is not None and len(value) > highest:
        yield f"{path} has {len(value)} {unit}: SageMaker takes {highest} at most"


@functools.cache
def _compiled(pattern: str) -> "re.Pattern[str] | None":
    try:
        return re.compile(pattern) if pattern else None
    except re.error:  # a class of Java's, such as \\p{L}
        return None


def _suggestion(value: str, choices: list[str]) -> str:
    if len(choices) <= 10:
        return nearest(value, choices)
    suggestion = nearest(value, choices)
    return suggestion if "did you mean" in suggestion else ": see SageMaker's list of them"
