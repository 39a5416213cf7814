"""docs/contract.md: what a run of these tests found, point by point, door by door, runner by runner.

    bin/test tests/contract --doors serve,asgi,wsgi,scgi,cgi,apache --table docs/contract.md

A case belongs to the point in its name, and to the door and the runner that it was asked at. What mod_cgi
does with the same scripts stands beside; where it differs, the mark `unlike_apache` of the case says why.
"""

from __future__ import annotations

import importlib
import platform
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.harness.doors import COMBINATIONS
from tests.harness.webservers import PATH, Apache

EVERY = ("serve", "asgi", "wsgi", "scgi", "cgi")
POOLED = EVERY[:4]
HTTP = EVERY[:3]


class Point(NamedTuple):
    """A point of the contract and the doors where it is asked.

    Elsewhere it is the web server's matter, or does not depend on the door.
    """

    title: str
    doors: tuple[str, ...] = EVERY


SECTIONS = {1: "Isolation", 17: "Ending", 24: "Streams", 31: "Response", 37: "Request", 44: "Life"}
POINTS = {
    1: Point("Globals are new in each request"),
    2: Point("What a good login sets, a bad one does not find"),
    3: Point("A script's modules are new each time, the library's stay"),
    4: Point("Modules of one name in two directories, or with a standard module's name"),
    5: Point("File names of any kind"),
    6: Point("The script is `__main__`, to pickle and inspect too"),
    7: Point("No names but Python's own"),
    8: Point("Environment variables"),
    9: Point("Working directory"),
    10: Point("Signals, locale, `sys`, logging, random numbers and the like"),
    11: Point("File descriptors closed, leaked or put elsewhere"),
    12: Point("A body that was read by half"),
    13: Point("Files left open, full buffers and locks"),
    14: Point("Memory and descriptors over thousands of requests", ("scgi",)),
    15: Point("`os.fork()` in a script"),
    16: Point("A process that cannot be as before is replaced"),
    17: Point("`sys.exit()` is a normal end"),
    18: Point("`except` and SystemExit"),
    19: Point("Exit statuses and messages"),
    20: Point("Sudden death, and another program in the script's place"),
    21: Point("atexit functions and threads at the end"),
    22: Point("Exceptions"),
    23: Point("Syntax errors and their repair"),
    24: Point("All ways to write, in their order"),
    25: Point("Bytes and text"),
    26: Point("The body ends where CONTENT_LENGTH says"),
    27: Point("Bodies that are large or stay unread"),
    28: Point("stderr is the error log"),
    29: Point("What is flushed arrives at once"),
    30: Point("Children in the background", POOLED),
    31: Point("Lines of the header", HTTP),
    32: Point("Bad headers are answered by 500, not those without a type", HTTP),
    33: Point("Status and Location", HTTP),
    34: Point("A status line first, and `nph-` scripts", HTTP),
    35: Point("Headers of the connection, wrong lengths, cgitb's comment", HTTP),
    36: Point("HEAD, 204, 304 and conditional requests", HTTP),
    37: Point("Variables"),
    38: Point("Header fields as variables", HTTP),
    39: Point("Words of the query as arguments"),
    40: Point("Chunked and compressed bodies", HTTP),
    41: Point("No source is shown, no program, and no file from outside", HTTP),
    42: Point("IPv6", HTTP),
    43: Point("Methods"),
    44: Point("Changed files are used at once"),
    45: Point("Time limits, and clients that leave"),
    46: Point("Many requests at once, and `max-requests`"),
    47: Point("Other languages; which Python runs Python, with which options and packages"),
}

ASKED_AT = "contract"  # the name of the property with which a report says where its case was asked


class Case(NamedTuple):
    """A test function of the contract."""

    point: int
    name: str
    marks: tuple[pytest.Mark, ...]  # its own first, then its module's
    at_doors: bool  # asked at each door that its marks allow, not at one of its own

    def mark(self, name: str) -> pytest.Mark | None:
        return next((mark for mark in self.marks if mark.name == name), None)

    @property
    def doors(self) -> tuple[str, ...]:
        mark = self.mark("doors")
        return mark.args if mark else EVERY

    @property
    def reasons(self) -> Iterator[str]:
        """Why mod_cgi differs, of the case and of its parameters."""
        for mark in self.marks:
            sets = mark.args[1] if mark.name == "parametrize" else ()
            for each in (mark, *(mark for item in sets for mark in getattr(item, "marks", ()))):
                if each.name == "unlike_apache":
                    yield each.args[0]


def cases() -> list[Case]:
    """All cases, as they are in the files."""
    found = []
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"{__package__}.{file.stem}")
        general = _marks(module)
        for name, function in vars(module).items():
            if match := re.fullmatch(r"test_point_(\d+)_(\w+)", name):
                arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
                marks = (*_marks(function), *general)
                found.append(Case(int(match[1]), match[2].replace("_", " "), marks, "site" in arguments))
    return found


def _marks(thing: object) -> tuple[pytest.Mark, ...]:
    marks = getattr(thing, "pytestmark", [])
    return tuple(getattr(mark, "mark", mark) for mark in (marks if isinstance(marks, list) else [marks]))


def differences() -> list[str]:
    """A line for each case that mod_cgi answers otherwise, with the reason."""
    return [
        f"- {case.point}, {case.name}: {reason}."
        for case in sorted(cases(), key=lambda case: case.point)
        for reason in dict.fromkeys(case.reasons)
    ]


def asked_at(item: pytest.Item) -> str:
    """Point, door and runner of a test, for its reports; empty where it is no case, or for no door asked."""
    match = re.match(r"test_point_(\d+)_", item.name)
    if not match:
        return ""
    parameters = getattr(item, "callspec", None)
    given = parameters.params if parameters else {}
    if "door" in given:
        place = given["door"] if isinstance(given["door"], tuple) else ()
    else:  # a case with a door of its own
        marks = (item.get_closest_marker(kind) for kind in ("doors", "runners"))
        door, runner = (mark.args[0] if mark else "" for mark in marks)
        place = door, given.get("runner", runner)
    return " ".join((match[1], *place)) if place else ""


class Table:
    """Counts what the cases say, and writes it down at the end."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.counts: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        where = dict(report.user_properties).get(ASKED_AT)
        # of the phases, the one that says something
        if where and (report.when == "call" or (report.when == "setup" and not report.passed)):
            point, door, runner = where.split(" ")
            outcome = "differs" if hasattr(report, "wasxfail") else report.outcome
            self.counts[int(point), door, runner][outcome] += 1

    def pytest_sessionfinish(self) -> None:
        self.file.write_text(self.page())

    def page(self) -> str:
        """All of docs/contract.md."""
        rows = []
        for number, point in POINTS.items():
            if number in SECTIONS:
                rows.append(f"| | **{SECTIONS[number]}** | | | | | | |")
            cells = [self.cell(number, door) for door in EVERY]
            rows.append(f"| {number} | {point.title} | {' | '.join(cells)} | {self.cell(number, 'apache')} |")
        return PAGE.format(
            rows="\n".join(rows),
            differences="\n".join(differences()),
            python=platform.python_version(),
            apache=_apache(),
        )

    def cell(self, point: int, door: str) -> str:
        """The counts of a door's runners, for instance `4 · 4 · 6`; empty where nothing was asked."""
        runners = [runner for name, runner in COMBINATIONS if name == door] or ["mod_cgi"]
        parts = [_summary(self.counts[point, door, runner]) for runner in runners]
        return " · ".join(part or "-" for part in parts) if any(parts) else ""


def _summary(counts: Counter[str]) -> str:
    """`4` where all passed, else `3 of 4`, also with what failed against our intent."""
    asked = counts.total()
    if counts["passed"] == asked:
        return str(asked or "")
    unexpected = [f"**{counts[kind]} {kind}**" for kind in ("failed", "skipped") if counts[kind]]
    return ", ".join([f"{counts['passed']} of {asked}", *unexpected])


def _apache() -> str:
    program = next((found for name in Apache.programs if (found := shutil.which(name, path=PATH))), None)
    if program is None:
        return "Apache (not installed)"
    said = subprocess.run([program, "-v"], capture_output=True, text=True).stdout
    return found[0] if (found := re.search(r"Apache/[\d.]+", said)) else "Apache"


PAGE = """\
# The contract, as tested

What a script may rely on, in 47 points, and how many test cases of each passed. Each case is a script with
its requests. It is tried at each door (a way for requests to reach scripts) by each runner, and under
Apache's mod_cgi. Made with Python {python} and {apache} by

    bin/test tests/contract --doors serve,asgi,wsgi,scgi,cgi,apache --table docs/contract.md

The numbers in a cell are those of the runners `cgi · fork · cgihandler`, the last of which is put back by
guards; at `scgi` those by memory follow. The door `cgi` is `cgicompat-cgi` in a script's first line: it runs
the script itself, then has a pool do so. A dash stands for a runner that a point does not concern. Where a
cell is empty, the point is the web server's matter or does not depend on the door. mod_cgi differs for the
reasons below.

| | | serve | asgi | wsgi | scgi | cgi | mod_cgi |
|--:|---|---|---|---|---|---|---|
{rows}

## Where mod_cgi differs, and why

By point and case. What is said is said of mod_cgi, unless it names another.

{differences}
"""


def install(config: pytest.Config, file: str) -> None:
    """Have the results of this run written to `file`; under xdist, by the process that gets all reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(Path(file).absolute()), "contract-table")


def say_where(items: list[pytest.Item]) -> None:
    """Have the reports say which cell of the table they belong to."""
    for item in items:
        if where := asked_at(item):
            item.user_properties.append((ASKED_AT, where))
