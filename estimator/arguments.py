"""The arguments of an estimator as attributes, as version 2 of the SDK has them."""

from collections.abc import Mapping
from typing import Any

from estimator.errors import EstimatorError
from estimator.options import Options
from estimator.settings import JobSettings

_OWN = ("entry_point", "source_dir", "toolkit", "toolkit_version", "framework", "image_uri")
_NAMES = frozenset({*Options.__annotations__, *_OWN, "metric_definitions"})


class Arguments:
    """Can be asked for its arguments: what was given, else the default.

    They are fixed: what a job was made with must not depend on when somebody asks.
    """

    _given: Mapping[str, Any]
    _draft: JobSettings

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any argument
        """Return an argument.

        Raises:
            AttributeError: If there is none of that name.
        """
        # A copy that is being made has no members yet; a property that fails says so itself.
        known = name in _NAMES and not hasattr(type(self), name)
        if not known or "_given" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        given = self._given.get(name)
        if given is not None:
            return given
        value = getattr(self._draft, name, None)
        return value if value or value is False else None

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute that is no argument.

        Raises:
            EstimatorError: If it is one: jobs would not see it.
        """
        if name in _NAMES:
            raise EstimatorError(
                f"{name} cannot be changed: make another {type(self).__name__} with {name}= "
                "(hyperparameters can, by set_hyperparameters)"
            )
        super().__setattr__(name, value)
