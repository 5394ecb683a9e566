"""What a kind of resource is to the engine: how it is made, changed and removed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# boto3 makes its client classes at run time, so there is no class to name here.
Client = Any
ClientFactory = Callable[[str], Client]
Properties = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """A resource that exists.

    Attributes:
        identifier: What `Ref` gives.
        attributes: What `Fn::GetAtt` gives.
    """

    identifier: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a type of resource is made and removed.

    Attributes:
        name: The property with its physical name; without it CloudFormation makes one.
        attributes: What `Fn::GetAtt` may ask for.
        create: Makes it from its physical name and its properties.
        delete: Removes it by its identifier, given the properties.
        update: Changes it in place; None: it is removed and made again.
    """

    create: Callable[[ClientFactory, str, Properties], Made]
    delete: Callable[[ClientFactory, str, Properties], None]
    name: str = ""
    attributes: tuple[str, ...] = ()
    update: Callable[[ClientFactory, str, Properties], Made] | None = None
