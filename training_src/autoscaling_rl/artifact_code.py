"""The controller's code in a model artifact: copied into it, and run from it."""

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

from autoscaling_rl import controller
from autoscaling_rl.errors import UserError
from autoscaling_rl.manifest import hashes

CODE = Path("code") / "controller"


def copy_code(folder: Path) -> None:
    """Copy the controller into the artifact in `folder`."""
    source, target = Path(str(controller.__file__)).parent, folder / CODE
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(source.rglob("*.py")):
        copy = target / path.relative_to(source)
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
