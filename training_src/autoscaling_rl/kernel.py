"""Compilation of numeric kernels with numba, cached per version of the whole package.

numba keys its on-disk cache by the file of the compiled function alone: a change in a function that
it calls from another file would go unnoticed. The cache folder is therefore named by a hash of
every source file that kernels lie in. `NUMBA_DISABLE_JIT=1` runs the same functions as plain
Python.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent
_KERNEL_FOLDERS = ("baselines", "controller", "environments", "load", "toolkits")


def _source_hash() -> str:
    digest = hashlib.sha256()
    for folder in _KERNEL_FOLDERS:
        for source in sorted((_PACKAGE / folder).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


_cache_root = os.environ.get("NUMBA_CACHE_DIR") or str(_PACKAGE / "__pycache__")
_folder = os.path.join(_cache_root, f"kernels-{_source_hash()}")
vars(numba.config)["CACHE_DIR"] = _folder  # numba reads it when a function is decorated


def jit(function: Kernel) -> Kernel:
    """Compile `function` in nopython mode on its first call; the result is cached on disk."""
    return cast(Kernel, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def jit_fast(function: Kernel) -> Kernel:
    """Like `jit`, for functions that allocate nothing and see no NaN.

    The compiler may reorder sums, and views of arrays are not counted: numba's atomic reference
    counts cost more than the arithmetic of a minute. Callees must be compiled with `jit_fast` too;
    they are inlined, since an array is passed as seven numbers.
    """
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
    options |= {"fastmath": True, "_nrt": False, "forceinline": True}
    return cast(Kernel, numba.njit(**options)(function))
