"""Which doors and runners a case is asked at: all, or those that its marks `doors` and `runners` name."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.apache import Apache
from tests.harness.doors import COMBINATIONS, DOORS, Door, Site


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--doors",
        default="serve,asgi,wsgi,scgi,cgi",
        help="comma-separated doors to ask at; `apache` is plain mod_cgi, to compare with",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "doors(*names): the doors a case is for (default: all)")
    config.addinivalue_line("markers", "runners(*names): the runners a case is for (default: all)")
    config.addinivalue_line("markers", "unlike_apache(why): mod_cgi answers otherwise here")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "door" in metafunc.fixturenames:
        metafunc.parametrize("door", list(_combinations(metafunc)), indirect=True, scope="session")


def _combinations(metafunc: pytest.Metafunc) -> Iterator[object]:
    asked = metafunc.config.getoption("--doors").split(",")
    marks = (metafunc.definition.get_closest_marker(kind) for kind in ("doors", "runners"))
    doors, runners = (mark.args if mark else () for mark in marks)
    for door, runner in COMBINATIONS:
        plain = {"own": "cgi", "pool": "cgihandler"}.get(runner, runner)
        if door in asked and door in (doors or asked) and plain in (runners or [plain]):
            yield pytest.param((door, runner), id=f"{door}-{runner}")
    # mod_cgi starts a process for each request, so it stands for the `cgi` runner at an HTTP door
    if "apache" in asked and "cgi" in (runners or ["cgi"]) and "serve" in (doors or ["serve"]):
        yield pytest.param(("apache", "mod_cgi"), id="apache")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "door" in getattr(item, "fixturenames", ()):
            # for `-n 2 --dist loadgroup`: what asks at one door runs in one process, which starts it
            item.add_marker(pytest.mark.xdist_group("-".join(item.callspec.params["door"])))
        if "[apache" in item.name:
            for mark in item.iter_markers("unlike_apache"):
                item.add_marker(pytest.mark.xfail(reason=mark.args[0], strict=True))


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A directory with a short path: that of a unix socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="cgicompat-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def door(request: pytest.FixtureRequest, home: Path) -> Iterator[Door]:
    """The door of a case, started once for all cases that ask at it."""
    name, runner = request.param
    kind = Apache if name == "apache" else DOORS[name]
    door = kind(runner, home / f"{name}-{runner}")
    yield door
    door.stop()


@pytest.fixture
def site(door: Door, request: pytest.FixtureRequest) -> Site:
    """A directory of scripts for the case."""
    name = re.sub(r"^test_|\[.*", "", request.node.name)
    taken = len(list((door.root / "cgi-bin").glob(f"{name}.*")))
    return Site(door, f"{name}.{taken}")
