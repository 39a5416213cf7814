"""Which scripts a directory holds, why some of them cannot run, and what becomes of Apache's configuration.

The tree is searched breadth first, for a limited time: somebody may serve a home directory. Whether a file is
a script is for routing to say; but the data files that scripts keep beside them, which could not be run
either, are left out here. Whether a script can run is judged as the runners would, without running it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from cgicompat.config import Settings
from cgicompat.routing import PROGRAMS, Refusal, Script, hidden

from .configuration import Configuration, Finding
from .diagnosis import diagnose, judge

__all__ = ["Finding", "Found", "Survey", "diagnose", "is_data", "misplaced", "survey"]

_ENDINGS = (".py", ".cgi", ".php", *PROGRAMS)


@dataclass(frozen=True)
class Found:
    """A script: `path` in the URL (decoded), absolute `filename`; `problem` says in one line why it cannot
    run and what to do about it, or is empty; `remarks` what may go wrong later. `handled` says that only a
    handler of the configuration makes it a script."""

    path: str
    filename: str
    problem: str = ""
    remarks: tuple[str, ...] = ()
    handled: bool = False


@dataclass
class Survey:
    """All that was found, by path; `complete` unless the time was up first. `programs` are no scripts where
    they are, though they look as if they should be. `findings` has what became of each directive."""

    scripts: list[Found] = field(default_factory=list)
    programs: list[Found] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    complete: bool = True

    @property
    def refused(self) -> list[Finding]:
        return [one for one in self.findings if one.kind == "refused"]


def survey(settings: Settings, seconds: float = 2.0) -> Survey:
    """The scripts below settings.directory and behind aliases, searched and judged for at most `seconds`."""
    deadline = time.monotonic() + seconds
    result = Survey()
    configuration = Configuration(settings)
    result.findings = configuration.findings
    for script in _search(configuration):
        if time.monotonic() > deadline:
            result.complete = False
            break
        if isinstance(script, Found):
            result.programs.append(script)
        elif script is not None and not is_data(script.filename):
            problem, remarks = judge(script.filename, configuration.settings_for(script))
            problem = "; ".join(filter(None, (configuration.bars(script), problem)))
            found = Found(script.script_name, script.filename, problem, tuple(remarks), script.said)
            result.scripts.append(found)
    for scripts in (result.scripts, result.programs):
        scripts.sort(key=lambda one: one.path)
    return result


def misplaced(settings: Settings, found: Survey) -> str:
    """What to do where the directory seems to be a folder of scripts itself, or nothing: whatever in it is no
    script by its own name and permission is sent to whoever asks."""
    top = settings.directory
    folders = {name.lower() for name in settings.cgi_bin}
    if "." in folders:
        return ""
    above = ""
    if os.path.basename(top).lower() in folders:
        above = f"serve {os.path.dirname(top)}, or "
    else:
        here = sum(one.path.count("/") == 1 for one in [*found.scripts, *found.programs])
        try:
            names = {name.lower() for name in os.listdir(top)}
        except OSError:
            return ""
        if here < 2 or names & {*folders, "index.html"}:
            return ""
    return (
        f"{top} seems to be a folder of scripts itself. What in it is no script by its name, data too, is "
        f"sent to whoever asks: {above}add --cgi-bin . for all in it to be scripts"
    )


def _search(configuration: Configuration) -> Iterator[Script | Found | None]:
    """The scripts, what should be one, and a None for everything else, so that the caller can look at the
    clock."""
    seen = set()
    top = configuration.places()[0][1]
    folders = deque(configuration.places())
    while folders:
        url, folder = folders.popleft()
        try:
            stat = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except NotADirectoryError:  # an alias of a single file
            route = configuration.route(url)
            yield route if isinstance(route, Script) else None
            continue
        except OSError:
            continue
        if (stat.st_dev, stat.st_ino) in seen:  # a symbolic link has led back
            continue
        seen.add((stat.st_dev, stat.st_ino))
        configuration.enter(folder)
        for entry in entries:
            if hidden(entry.name, top=folder == top):
                continue
            path = f"{url}/{entry.name}"
            if _is_folder(entry):
                folders.append((path, entry.path))
                yield None
                continue
            route = configuration.route(path)
            if isinstance(route, Refusal) and route.hint:
                yield Found(path, entry.path, route.hint)
            else:
                yield route if isinstance(route, Script) else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symbolic link to itself, say
        return False


def is_data(filename: str) -> bool:
    """Is it neither meant to be run, by its permission, its ending or a #! line, nor a secret to us?"""
    if filename.endswith(_ENDINGS) or os.access(filename, os.X_OK):
        return False
    try:
        with open(filename, "rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False
