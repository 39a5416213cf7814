"""Imports point one way, those inside functions and for type checkers included.

What a room may import is in ROOMS; a module of the top level is a room of its own.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in ROOT.glob("cgicompat/**/*.py")
    if file.parent.name != "stdlib" or file.stem == "__init__"
}

# They know nobody but each other. "" is the package itself: its version.
BOTTOM = {"_multipart", "config", "dependencies", "descriptors", "environ", "errorlog", "identity", "modules"}
BOTTOM |= {"pages", "processes", "python", "request", "response", "routing", "scgi", "stdio", "stdlib", ""}
ROOMS = {
    "apache": {"config", "environ"},
    "guards": BOTTOM,
    "rewind": BOTTOM,
    "runners": BOTTOM | {"guards"},
    "bare": BOTTOM | {"runners"},
    "recordings": BOTTOM | {"apache"},
    "survey": BOTTOM | {"apache", "runners"},
    "pool": BOTTOM | {"apache", "guards", "rewind", "runners", "bare", "recordings"},
    "compare": BOTTOM | {"guards", "rewind", "runners", "bare", "recordings"},
    "gateways": BOTTOM | {"apache", "runners", "pool"},
    "asgi": {"gateways"},
    "wsgi": {"gateways"},
    "console": BOTTOM | {"runners", "survey", "pool", "compare", "gateways"},
}
ROOMS["cli"] = set().union(*ROOMS.values()) | ROOMS.keys() - {"asgi", "wsgi"}
ROOMS["__main__"] = {"cli"}


def imports(module: str) -> set[str]:
    """The modules of ours that a module imports, by full name."""
    file = MODULES[module]
    package = module.split(".") if file.stem == "__init__" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {name if (name := f"{base}.{alias.name}") in MODULES else base for alias in node.names}
    return found & MODULES.keys()


def room(module: str) -> str:
    return (module.split(".") + [""])[1]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_one_way(module: str) -> None:
    here = room(module)
    allowed = {here} | (BOTTOM if here in BOTTOM else ROOMS[here])
    wrong = {name for name in imports(module) if room(name) not in allowed}
    assert not wrong, f"{module} must not know {sorted(wrong)}: see ROOMS"


def test_no_circle() -> None:
    try:
        TopologicalSorter({module: imports(module) for module in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"imports in a circle: {' <- '.join(error.args[1])}")
