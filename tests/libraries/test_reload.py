"""After a reload only those libraries are tasted again on which something has changed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.doors import Scgi
from tests.harness.processes import REPOSITORY, until

CONFIGURATION = """\
workers = 1
preload = [{preload}]
env = {{ PYTHONPATH = "{libraries}:{repository}", COLOUR = "{colour}", SIZE = "{size}" }}
{more}
"""
NAMES = ["lib_first", "lib_second", "lib_third"]
# Each import leaves a file. To make a pipe is no deed that a library would be refused for.
COUNTING = "import os, time\nos.mkfifo(f'{}/{{__name__}}-{{os.getpid()}}-{{time.monotonic_ns()}}')\n"
READING = "colour = os.environ.get('COLOUR')\ndata = open(__file__ + '.data').read()\n"
OTHER_SECTION = '[script."/cgi-bin/other.py"]\nenv = { COLOUR = "green" }'


class Tasted:
    """A pool that preloads libraries, the second of which reads a variable and a file."""

    def __init__(self, home: Path):
        self.libraries, self.traces = home / "libraries", home / "traces"
        for folder in (self.libraries, self.traces):
            folder.mkdir()
        for name in NAMES:
            self.write(f"{name}.py", COUNTING.format(self.traces) + READING * (name == "lib_second"))
        self.write("lib_second.py.data", "1")
        self.settings = {"preload": NAMES, "colour": "red", "size": "1", "more": ""}
        self.door = Scgi("fork", home / "pool", self.configuration())
        self.pid = self.door.server.pid

    def write(self, name: str, text: str) -> None:
        (self.libraries / name).write_text(text)

    def configuration(self, **changes: object) -> str:
        self.settings |= changes
        preload = ", ".join(f'"{name}"' for name in self.settings["preload"])
        settings = self.settings | {"preload": preload}
        return CONFIGURATION.format(libraries=self.libraries, repository=REPOSITORY, **settings)

    def configure(self, **changes: object) -> None:
        (self.door.root / "cgicompat.toml").write_text(self.configuration(**changes))

    def after(self, change: Callable[[], object], imported: list[str]) -> list[str]:
        """Which libraries others than the master import until it has imported these."""
        for trace in self.traces.iterdir():
            trace.unlink()
        change()
        until(lambda: {name for name, pid in self.imports() if pid == self.pid} == {*imported}, 20)
        return sorted({name for name, pid in self.imports() if pid != self.pid})

    def imports(self) -> list[tuple[str, int]]:
        names = [trace.name.split("-") for trace in self.traces.iterdir()]
        return [(name, int(pid)) for name, pid, _ in names]


@pytest.fixture
def tasted(home: Path) -> Iterator[Tasted]:
    pool = Tasted(home)
    yield pool
    pool.door.stop()


def test_what_has_not_changed_is_not_tasted_again(tasted):
    def hangup() -> None:
        os.kill(tasted.pid, signal.SIGHUP)

    def edit(name: str) -> Callable[[], object]:
        path = tasted.libraries / name
        return lambda: path.write_text(path.read_text() + "\n")

    until(lambda: sum(pid == tasted.pid for _, pid in tasted.imports()) == 3, 20)
    assert tasted.after(hangup, NAMES) == []
    assert tasted.after(lambda: tasted.configure(size="2"), NAMES) == []
    assert tasted.after(lambda: tasted.configure(colour="blue"), NAMES) == NAMES[1:]
    assert tasted.after(edit("lib_second.py.data"), NAMES) == NAMES[1:]
    assert tasted.after(edit("lib_third.py"), NAMES) == NAMES[2:]
    assert tasted.after(edit("lib_first.py"), NAMES) == NAMES
    assert tasted.after(lambda: tasted.configure(more=OTHER_SECTION), [NAMES[0], NAMES[2]]) == NAMES[1:]
    log = tasted.door.log()
    assert "lib_second: its import reads COLOUR, which not all scripts have alike" in log, log
    assert tasted.after(lambda: tasted.configure(preload=NAMES[::-1], more=""), NAMES) == NAMES
    tasted.write("lib_fourth.py", "")
    assert tasted.after(hangup, NAMES) == NAMES
