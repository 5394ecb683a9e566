"""The controller's code in a model artifact: copied into it, and run from it."""

import hashlib
import importlib.util
import shutil
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from autoscaling_rl import controller
from autoscaling_rl.errors import UserError
from autoscaling_rl.manifest import hashes

CODE = Path("code") / "controller"
_SOURCE = Path(str(controller.__file__)).parent


def copy_code(folder: Path) -> None:
    """Copy the controller into the artifact in `folder`."""
    target = folder / CODE
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(_SOURCE.rglob("*.py")):
        copy = target / path.relative_to(_SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def load_code(folder: Path) -> ModuleType:
    """Return the package in the artifact's code/controller, under a name no other version has."""
    code = folder / CODE
    digest = hashlib.sha256(str(code.absolute()).encode())
    for name, value in hashes(code).items():
        digest.update(f"{name}:{value};".encode())
    name = f"artifact_controller_{digest.hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(
        name, code / "__init__.py", submodule_search_locations=[str(code)]
    )
    sys.path_importer_cache[str(code)] = FileFinder(str(code), (_Loader, SOURCE_SUFFIXES))
    if specification is None or specification.loader is None or not code.is_dir():
        raise UserError(f"{folder}: there is no code in {CODE}")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # the folder must stay as its manifest lists it
    try:
        specification.loader.exec_module(module)
        for path in sorted(code.glob("*.py")):
            if path.stem != "__init__":
                importlib.import_module(f"{name}.{path.stem}")
    except BaseException:
        sys.modules.pop(name, None)
        raise
    finally:
        sys.dont_write_bytecode = before
    return module


class _Loader(SourceFileLoader):
    """Takes the bytecode of a file with the same bytes in this bundle, which Python has cached.

    Compiling the artifact's would take a fifth of the start of an endpoint.
    """

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of a module of the artifact."""
        path = Path(self.path)
        ours = _SOURCE / path.name
        if ours.is_file() and ours.read_bytes() == path.read_bytes():
            return SourceFileLoader(fullname, str(ours)).get_code(fullname)
        return super().get_code(fullname)
