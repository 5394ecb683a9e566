"""The model that an endpoint serves: verified before it answers anything."""

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from autoscaling_rl.artifact import verify
from autoscaling_rl.artifact_code import load_code
from autoscaling_rl.errors import UserError

logger = logging.getLogger(__name__)


class Inference(Protocol):
    """What the artifact's own code offers; see `controller.inference`."""

    version: str
    guard_settings: Any

    def respond(self, body: object) -> tuple[int, dict[str, object]]:
        """Return HTTP status and answer to a body."""
        ...

    def respond_all(self, bodies: list[object]) -> list[tuple[int, dict[str, object]]]:
        """Return the same for several; artifacts made before 2026-11-26 have no such method."""
        ...


class Model:
    """The artifact in a folder.

    Attributes:
        inference: what answers; None until the artifact is verified, and for ever if it is wrong.
        reason: why there is none.
    """

    def __init__(self, folder: Path, guard: Mapping[str, Any] | None = None) -> None:
        """Keep the folder, and settings of the guard rails in place of the artifact's."""
        self.folder, self.guard = folder, guard
        self.inference: Inference | None = None
        self.reason = "the model is being verified"

    def load(self) -> None:
        """Verify the artifact and load it, or keep the reason why it cannot be served.

        Whatever is wrong with a model, the process goes on: SageMaker shows the reason of a process
        that answers, and of one that ends only that it ended.
        """
        try:
            manifest = verify(self.folder)
            self.inference = load_inference(self.folder, self.guard)
        except UserError as error:
            self.reason = str(error)
            logger.error("model refused", extra={"details": {"reason": self.reason}})
        except Exception as error:
            self.reason = f"{self.folder}: the model cannot be verified: {error!r}"
            logger.exception("model refused", extra={"details": {"reason": self.reason}})
        else:
            details = {
                "model_version": self.inference.version,
                "input": manifest["input"],
                "environment": manifest["environment"]["id"],
                "source_revision": manifest["source_revision"],
                "guard": vars(self.inference.guard_settings),
            }
            logger.info("model verified", extra={"details": details})


def load_inference(folder: Path, guard: Mapping[str, Any] | None = None) -> Inference:
    """Return what answers for the verified artifact in `folder`, an instance of its own class.

    Each decision for a state is logged in one line with how it came about.

    Raises:
        UserError: if its code and its policy do not fit together.
    """
    try:
        code = importlib.import_module(f"{load_code(folder).__name__}.inference")
        inference: Inference = code.Inference.load(folder, guard, log_decision)
    except Exception as error:
        raise UserError(f"{folder}: the artifact's code cannot serve it: {error}") from error
    return inference


def log_decision(explanation: dict[str, Any]) -> None:
    """Log how a decision came about."""
    logger.info("decision", extra={"details": explanation})
