"""What is installed for cgicompat's sake alone, and is hidden from scripts.

Other software looks whether it can import a package, and works in another way where it can. So a package that
came with cgicompat, and that nobody else asked for, is not there for scripts: one of the distributions that
cgicompat requires, directly or not, which pip has installed without having been told its name (there is no
REQUESTED) and which no other distribution requires. The metadata say so (packaging.python.org: core metadata,
recording installed projects); they are read by hand, since importlib.metadata takes longer to import.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import FileFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from cgicompat.config import Settings

_OURS = "cgicompat"
_HEADERS = 64 * 1024  # bytes of a METADATA, which begins with its headers
_RECORD = 4 * 1024 * 1024
_hidden: frozenset[str] | None = None


class Finder(FileFinder):
    """Finds what is in a directory of sys.path, but for what is hidden."""

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = super().find_spec(fullname, target)
        return None if spec is not None and spec.origin in hidden() else spec


def hidden() -> frozenset[str]:
    """The files of modules that scripts do not find. A process finds it out once, which takes milliseconds;
    those that it forks know it."""
    global _hidden
    if _hidden is None:
        installed = _installed()
        alone = (installed[name].files() for name in _for_our_sake(installed))
        _hidden = frozenset(file for files in alone for file in files)
    return _hidden


def obey(settings: Settings) -> None:
    """Hide nothing where that is set."""
    if not settings.hide_dependencies:
        hide(())


def hide(files: Iterable[str]) -> None:
    """Hide these, whatever is installed."""
    global _hidden
    _hidden = frozenset(files)


def known() -> frozenset[str] | None:
    """As hidden(), where this process has found it out."""
    return _hidden


def hint(name: str | None) -> str:
    """What to do about a module that a script did not find, where it is hidden; else nothing."""
    endings = (f"/{name}.py", f"/{name}/__init__.py")
    if not any(file.endswith(endings) for file in _hidden or ()):
        return ""
    return (
        f"{name} came with cgicompat and is hidden from scripts: pip install --force-reinstall its package, "
        "or set hide-dependencies = false"
    )


class _Distribution:
    """An installed distribution, in one place or several: `requires` are those that it does, with extras
    `may_require`."""

    def __init__(self) -> None:
        self.requires: set[str] = set()
        self.may_require: set[str] = set()
        self._folders: list[str] = []

    def add(self, folder: str) -> None:
        """Take it for one more place: a folder of metadata."""
        self._folders.append(folder)
        for line in _read(f"{folder}/METADATA", _HEADERS).partition("\n\n")[0].splitlines():
            if line.startswith("Requires-Dist:"):
                requirement, _, marker = line.removeprefix("Requires-Dist:").partition(";")
                name = _plain(requirement)
                self.may_require.add(name)
                if "extra" not in marker:
                    self.requires.add(name)

    @property
    def asked_for(self) -> bool:
        """Whether somebody asked for it. Where another than pip has installed it, nobody can tell."""
        return any(
            _read(f"{folder}/INSTALLER", 100).strip() != "pip" or os.path.exists(f"{folder}/REQUESTED")
            for folder in self._folders
        )

    def files(self) -> Iterator[str]:
        """The files by which its modules and packages are found."""
        for folder in self._folders:
            for line in _read(f"{folder}/RECORD", _RECORD).splitlines():
                name = line.partition(",")[0]
                if "/" not in name or name.partition("/")[2] == "__init__.py":
                    yield os.path.join(os.path.dirname(folder), name)


def _for_our_sake(installed: dict[str, _Distribution]) -> set[str]:
    """The names of distributions that are there for nobody but us."""
    ours: set[str] = set()
    _reach(ours, {_OURS}, {name: one.requires for name, one in installed.items()})
    ours.discard(_OURS)
    others = {name for name, one in installed.items() if name not in ours or one.asked_for} - {_OURS}
    needed = {_OURS}  # seen already: what it requires does not count here
    _reach(needed, others, {name: one.may_require for name, one in installed.items()})
    return ours - needed


def _reach(found: set[str], names: set[str], requires: dict[str, set[str]]) -> None:
    """Add to `found` these distributions and all that they require, as far as they are installed."""
    while names := (names & requires.keys()) - found:
        found |= names
        names = {other for name in names for other in requires[name]}


def _installed() -> dict[str, _Distribution]:
    """All distributions, by name."""
    found: dict[str, _Distribution] = {}
    for entry in sys.path:
        try:
            names = os.listdir(entry)
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                one = found.setdefault(_plain(name.partition("-")[0]), _Distribution())
                one.add(os.path.join(entry, name))
    return found


def _read(file: str, most: int) -> str:
    try:
        with open(file, "rb") as stream:
            return stream.read(most).replace(b"\r\n", b"\n").decode("utf-8", "replace")
    except OSError:
        return ""


def _plain(text: str) -> str:
    """The name that `text` begins with, as names are compared (packaging.python.org, name normalization)."""
    text = text.strip()
    end = next((i for i, sign in enumerate(text) if not (sign.isalnum() or sign in "-_.")), len(text))
    return "-".join(filter(None, text[:end].lower().replace("_", "-").replace(".", "-").split("-")))
