"""The check of a component recipe, as the control plane and nucleus lite together would have it.

AWS's own schema lowers the case of keys before it looks at them, and the nuclei do not: a recipe
that passes there may be misread on a device. Here every key counts as it is written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = re.compile(r"(?!\.{1,2}\Z)[a-zA-Z0-9_.-]{1,128}")
"""Less `.` and `..`, which a device would take for folders."""
_PART = r"(0|[1-9]\d{0,5})"
VERSION = re.compile(rf"(?=.{{1,64}}\Z){_PART}\.{_PART}\.{_PART}([-+][0-9A-Za-z.+-]+)?")
_ARTIFACT = re.compile(r"s3://[a-z0-9][a-z0-9.-]+/.+|docker:.+|greengrass:.+")
_VARIABLE = re.compile(r"\{([a-zA-Z0-9_.:-]*:[^{}]*)\}")
_KNOWN_VARIABLES = (
    "artifacts:path",
    "artifacts:decompressedPath",
    "kernel:rootPath",
    "iot:thingName",
    "work:path",
)
LITE_RUNTIMES = ("*", "aws_nucleus_lite")
LITE_LACKS = ("shutdown", "recover", "bootstrap")


@dataclass(frozen=True)
class Form:
    """What a value must be.

    Attributes:
        kind: The type that JSON gives.
        keys: For an object with fixed keys: the form of each.
        required: Which of them must be there.
        items: The form of each item of a list, or of each value of an object with free keys.
        choices: The texts that are allowed.
        pattern: What a text looks like.
    """

    kind: type
    keys: Mapping[str, "Form"] | None = None
    required: tuple[str, ...] = ()
    items: "Form | None" = None
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = field(default=None)


_TEXT, _FLAG, _NUMBER = Form(str), Form(bool), Form(int)
_SETENV = Form(dict, items=_TEXT)
_STEP = Form(
    dict,
    keys={
        "Script": _TEXT,
        "RequiresPrivilege": _FLAG,
        "Skipif": _TEXT,
        "Timeout": _NUMBER,
        "Setenv": _SETENV,
    },
    required=("Script",),
)
_LIFECYCLE = Form(
    dict,
    keys={
        "Setenv": _SETENV,
        **dict.fromkeys(("bootstrap", "install", "startup", "run", "shutdown", "recover"), _STEP),
    },
)
_ARTIFACT_FORM = Form(
    dict,
    keys={
        "Uri": Form(str, pattern=_ARTIFACT),
        "Unarchive": Form(str, choices=("NONE", "ZIP")),
        "Permission": Form(
            dict,
            keys=dict.fromkeys(("Read", "Execute"), Form(str, choices=("NONE", "OWNER", "ALL"))),
        ),
        "Digest": _TEXT,
        "Algorithm": Form(str, choices=("SHA-256",)),
    },
    required=("Uri",),
)
_MANIFEST = Form(
    dict,
    keys={
        "Name": _TEXT,
        "Platform": Form(
            dict,
            keys=dict.fromkeys(("os", "architecture", "architecture.detail", "runtime"), _TEXT),
        ),
        "Lifecycle": _LIFECYCLE,
        "Selections": Form(list, items=_TEXT),
        "Artifacts": Form(list, items=_ARTIFACT_FORM),
    },
    required=("Lifecycle",),
)
_RECIPE = Form(
    dict,
    keys={
        "RecipeFormatVersion": Form(str, choices=("2020-01-25",)),
        "ComponentName": Form(str, pattern=NAME),
        "ComponentVersion": Form(str, pattern=VERSION),
        "ComponentType": Form(
            str,
            choices=tuple(f"aws.greengrass.{it}" for it in ("generic", "plugin", "lambda")),
        ),
        "ComponentDescription": _TEXT,
        "ComponentPublisher": _TEXT,
        "ComponentConfiguration": Form(
            dict, keys={"DefaultConfiguration": Form(dict)}, required=("DefaultConfiguration",)
        ),
        "ComponentDependencies": Form(
            dict,
            items=Form(
                dict,
                keys={
                    "VersionRequirement": _TEXT,
                    "DependencyType": Form(str, choices=("HARD", "SOFT")),
                },
                required=("VersionRequirement",),
            ),
        ),
        "Manifests": Form(list, items=_MANIFEST),
        "Lifecycle": Form(dict),
    },
    required=("RecipeFormatVersion", "ComponentName", "ComponentVersion", "Manifests"),
)


def problems(recipe: object, *, lite: bool = True) -> list[str]:
    """Return what is wrong with a recipe, each with its place; nothing for a correct one.

    Args:
        recipe: The JSON document.
        lite: Whether it must run on nucleus lite, too.
    """
    found = list(_check(recipe, _RECIPE, "recipe"))
    if found or not isinstance(recipe, dict):
        return found
    found += [*_variables(recipe)]
    if not recipe["Manifests"]:
        found.append("recipe.Manifests: holds no manifest")
    if lite:
        for index, manifest in enumerate(recipe["Manifests"]):
            found += _lite(manifest, f"recipe.Manifests[{index}]")
        if "{configuration:" in str(recipe.get("ComponentConfiguration", "")):
            found.append("recipe.ComponentConfiguration: nucleus lite reads no variable in it")
    return found


def _check(value: object, form: Form, place: str) -> Iterator[str]:
    # In Python a boolean is a number, in a recipe it is none.
    if not isinstance(value, form.kind) or isinstance(value, bool) != (form.kind is bool):
        yield f"{place}: must be {_NAMES[form.kind]}"
    elif form.choices and value not in form.choices:
        yield f"{place}: must be {' or '.join(form.choices)}"
    elif form.pattern and not form.pattern.fullmatch(str(value)):
        yield f"{place}: {value!r} has not the form of one"
    elif isinstance(value, list) and form.items:
        for index, item in enumerate(value):
            yield from _check(item, form.items, f"{place}[{index}]")
    elif isinstance(value, dict):
        yield from _check_object(value, form, place)


def _check_object(value: dict[str, Any], form: Form, place: str) -> Iterator[str]:
    for key in form.required:
        if key not in value:
            yield f"{place}: {key} is missing"
    for key, item in value.items():
        expected = form.items if form.keys is None else form.keys.get(key)
        if expected is not None:
            yield from _check(item, expected, f"{place}.{key}")
        elif form.keys is not None:
            alike = [known for known in form.keys if known.lower() == key.lower()]
            hint = f"; write {alike[0]}" if alike else ""
            yield f"{place}: {key} is no key here{hint}"


_NAMES = {dict: "an object", list: "a list", str: "text", int: "a whole number", bool: "a boolean"}


def _variables(recipe: dict[str, Any]) -> Iterator[str]:
    for manifest in recipe["Manifests"]:
        for name in _VARIABLE.findall(str(manifest.get("Lifecycle", ""))):
            if name not in _KNOWN_VARIABLES and not name.startswith("configuration:/"):
                yield f"recipe.Manifests: {{{name}}} is no variable that both nuclei know"


def _lite(manifest: dict[str, Any], place: str) -> Iterator[str]:
    runtime = manifest.get("Platform", {}).get("runtime")
    if runtime not in LITE_RUNTIMES:
        yield f"{place}.Platform: nucleus lite needs runtime * or aws_nucleus_lite"
    for name, step in manifest["Lifecycle"].items():
        if name in LITE_LACKS:
            yield f"{place}.Lifecycle.{name}: nucleus lite does not run it"
        elif name != "Setenv" and "Skipif" in step:
            yield f"{place}.Lifecycle.{name}.Skipif: nucleus lite does not know it"
