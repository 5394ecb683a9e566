"""What the local Lambda needs to know of a deployed function."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FunctionSpecification:
    """One version of a function.

    Attributes:
        name: Name of the function.
        arn: Its ARN without a qualifier.
        version: `$LATEST` or a number.
        handler: `package.module.function`.
        runtime: For example `python3.12`.
        code_sha256: Hash of the zip, as Lambda reports it.
        code: The zip.
        timeout: Seconds that an invocation may take.
        memory: Megabytes, told to the function and not enforced.
        environment: The variables of the function's configuration.
        reserved_concurrency: Invocations at a time, None if nothing is reserved.
    """

    name: str
    arn: str
    version: str
    handler: str
    runtime: str
    code_sha256: str
    code: bytes = field(repr=False)
    timeout: float
    memory: int
    environment: Mapping[str, str]
    reserved_concurrency: int | None

    @property
    def identity(self) -> str:
        """Changes whenever a warm process of the function would be out of date."""
        variables = sorted(self.environment.items())
        parts = (self.name, self.version, self.code_sha256, self.handler, self.timeout, variables)
        return repr(parts)
