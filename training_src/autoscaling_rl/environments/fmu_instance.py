"""One running instance of an FMU: FMPy's calls, the same for versions 2 and 3 of FMI."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.util import Finalize
from typing import Any

from autoscaling_rl.environments.fmu_file import FmuFile, Unpacked
from autoscaling_rl.environments.fmu_slave import Messages, new_slave_2, new_slave_3
from autoscaling_rl.errors import UserError

_DISCARD = 2  # fmi2Discard: the step was not done to its end
_TERMINATED = 3  # fmi2Terminated: asks whether that is the end of the simulation


class FmuInstance:
    """A simulator with its own state.

    Args:
        file: the FMU.
        read: names of the variables that `values` gives.
        logging: whether the simulator logs more than it has to.

    Raises:
        UserError: if it cannot be unpacked or instantiated.
    """

    def __init__(self, file: FmuFile, read: Sequence[str], *, logging: bool = False) -> None:
        self._file = file
        self._logging = logging
        self._messages = Messages(maxlen=3)
        self._time = 0.0
        self._getters = _by_type(file, read)
        self._count = len(read)
        self._fresh = False
        self._held = _Held(Unpacked.hold(file))
        # Also where nobody closes it: an FMU that outlives the interpreter may crash the process.
        self.close: Callable[[], Any] = Finalize(self, self._held.let_go, exitpriority=2)
        try:
            self._instantiate()
        except BaseException:
            self.close()
            raise

    @property
    def _fmu(self) -> Any:  # noqa: ANN401 - FMPy is published without types
        return self._held.fmu

    def _instantiate(self) -> None:
        folder = os.getcwd()
        try:
            with self._explained("instantiation"):
                make = new_slave_2 if self._file.version == "2" else new_slave_3
                self._held.fmu = make(
                    self._file, self._held.unpacked.folder, self._messages, logging=self._logging
                )
            self._fresh = True
        finally:
            os.chdir(folder)  # FMPy leaves it changed where a library cannot be loaded

    def begin(
        self, parameters: Mapping[str, float], start: float, stop: float, *, anew: bool
    ) -> None:
        """Go back to the start of a simulation.

        Args:
            parameters: start values by name.
            start: time in seconds.
            stop: time in seconds that no step will pass.
            anew: whether to make a new instance rather than to reset this one.
        """
        if not self._fresh and anew:
            self._held.free()
            self._instantiate()
        elif not self._fresh:
            with self._explained('reset (try reset = "instantiate")'):
                self._fmu.reset()
        self._fresh = False
        self._messages.clear()
        self._time = start
        with self._explained("initialisation"):
            if self._file.version == "2":
                self._fmu.setupExperiment(startTime=start, stopTime=stop)
                self.write(parameters)
                self._fmu.enterInitializationMode()
            else:
                self.write(parameters)
                self._fmu.enterInitializationMode(startTime=start, stopTime=stop)
            self._fmu.exitInitializationMode()

    def write(self, values: Mapping[str, float]) -> None:
        """Set variables by name."""
        with self._explained("setting values"):
            for name, value in values.items():
                variable = self._file.variables[name]
                kind = _kind(self._file.version, variable.type)
                plain = value if kind in _REALS else round(value)
                getattr(self._fmu, f"set{kind}")([variable.valueReference], [plain])

    def values(self) -> list[float]:
        """Return the variables that the constructor named, in its order."""
        found = [0.0] * self._count
        with self._explained("reading values"):
            for getter, references, places in self._getters:
                answers = getattr(self._fmu, getter)(references)
                for place, value in zip(places, answers, strict=True):
                    found[place] = float(value)
        return found

    def step(self, start: float, seconds: float) -> bool:
        """Simulate from `start` on; return whether the simulator says that this is the end."""
        self._time = start
        step = {"currentCommunicationPoint": start, "communicationStepSize": seconds}
        if self._file.version == "3":
            with self._explained("step"):
                return bool(self._fmu.doStep(**step)[1])
        with self._explained("step"):
            try:
                self._fmu.doStep(**step)
            except Exception as error:
                if getattr(error, "status", None) == _DISCARD and self._says_terminated():
                    return True
                raise
        return False

    def _says_terminated(self) -> bool:
        with contextlib.suppress(Exception):
            return bool(self._fmu.getBooleanStatus(_TERMINATED))
        return False

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            words = f"it says: {' | '.join(self._messages)}"
            if not self._messages:
                words = "set environment.logging to true to hear more"
            raise UserError(
                f"{self._file.path.name}: {what} failed at {self._time:g} s: {reason}; {words}"
            ) from error


class _Held:
    """What an instance lets go in the end: FMPy's object, then the files it was loaded from."""

    def __init__(self, unpacked: Unpacked) -> None:
        self.fmu: Any = None
        self.unpacked = unpacked

    def free(self) -> None:
        """Free the instance, if there is one."""
        fmu, self.fmu = self.fmu, None
        if fmu is not None:
            with contextlib.suppress(Exception):  # not allowed in every state, e.g. after an error
                fmu.terminate()
            fmu.freeInstance()

    def let_go(self) -> None:
        """Free the instance, and the unpacked files with the last one."""
        self.free()
        self.unpacked.release()


_REALS = ("Real", "Float32", "Float64")


def _kind(version: str, type_: str) -> str:
    if type_ == "Enumeration":
        return "Integer" if version == "2" else "Int64"
    return type_


def _by_type(file: FmuFile, names: Sequence[str]) -> list[tuple[str, list[int], list[int]]]:
    """Return method, value references and places in the answer, for each type of variable."""
    groups: dict[str, tuple[list[int], list[int]]] = {}
    for place, name in enumerate(names):
        variable = file.variables[name]
        references, places = groups.setdefault(_kind(file.version, variable.type), ([], []))
        references.append(variable.valueReference)
        places.append(place)
    return [(f"get{kind}", *group) for kind, group in groups.items()]
