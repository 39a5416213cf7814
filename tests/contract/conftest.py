"""Which doors and runners a case is asked at, of those that its marks `doors` and `runners` name."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import table
from tests.harness.doors import COMBINATIONS, DOORS, RUNNERS, Door
from tests.harness.webservers import Apache

PLAIN = {"own": "cgi", "pool": "cgihandler", "memory": "cgihandler"}  # what the runner of a pair is


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "doors(*names): the doors a case is for (default: all)",
        "runners(*names): the runners a case is for (default: all)",
        "unlike_apache(why): mod_cgi answers otherwise here",
    ):
        config.addinivalue_line("markers", line)
    if file := config.getoption("--table"):
        table.install(config, file)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "door" in metafunc.fixturenames:
        metafunc.parametrize("door", list(_combinations(metafunc)), indirect=True, scope="session")


def _combinations(metafunc: pytest.Metafunc) -> Iterator[object]:
    option = metafunc.config.getoption
    asked = option("--doors").split(",")
    marks = (metafunc.definition.get_closest_marker(kind) for kind in ("doors", "runners"))
    doors, runners = (mark.args if mark else () for mark in marks)
    found = [
        (door, runner)
        for door, runner in COMBINATIONS
        if door in asked and door in (doors or asked) and PLAIN.get(runner, runner) in (runners or RUNNERS)
    ]
    if not (option("--all-runners") or option("--table")):
        found = _fewer(found, metafunc.function.__name__)
    for door, runner in found:
        # for `--dist loadgroup`: what asks at one door runs in one process, which starts it
        group = pytest.mark.xdist_group(f"{door}-{runner}")
        yield pytest.param((door, runner), id=f"{door}-{runner}", marks=group)
    # mod_cgi starts a process for each request, so it stands for the `cgi` runner at an HTTP door
    if "apache" in asked and "cgi" in (runners or ["cgi"]) and (not doors or {"serve", "cgi"} & {*doors}):
        yield pytest.param(("apache", "mod_cgi"), id="apache")


def _fewer(combinations: list[tuple[str, str]], case: str) -> list[tuple[str, str]]:
    """Each runner and each door at least once, since behind all doors is one pool: all runners where nothing
    is in front of it; at each of the other doors the one whose turn it is, without the slow `cgi`."""
    doors = list(dict.fromkeys(door for door, _ in combinations))
    whole = {"scgi"}.intersection(doors) or (doors if len(doors) < len(RUNNERS) else ())
    turn = zlib.crc32(case.encode())
    found = []
    for number, door in enumerate(doors, turn):
        pairs = [pair for pair in combinations if pair[0] == door]
        if door not in whole:
            if "scgi" in whole:
                pairs = [pair for pair in pairs if pair[1] != "cgi"] or pairs
            pairs = [pairs[number % len(pairs)]]
        found += pairs
    starting = [("scgi", "cgi"), ("cgi", "own")]  # a process for each request, by the same code
    return [pair for pair in found if pair != starting[turn % 2] or not {*starting} <= {*found}]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--table"):
        table.say_where(items)
    for item in items:
        if "[apache" in item.name:
            for mark in item.iter_markers("unlike_apache"):
                item.add_marker(pytest.mark.xfail(reason=mark.args[0], strict=True))


@pytest.fixture(scope="session")
def door(request: pytest.FixtureRequest, home: Path) -> Iterator[Door]:
    """The door of a case, started once for all cases that ask at it."""
    name, runner = request.param
    kind = Apache if name == "apache" else DOORS[name]
    door = kind(runner, home / f"{name}-{runner}")
    yield door
    door.stop()
