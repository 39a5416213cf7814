from __future__ import annotations

import atexit
import sys

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard
from cgicompat.modules import LIBRARY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import Any

    _Call = tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]

_register = atexit.register
_of_the_library: list[_Call] = []


class Exits(Guard):
    """Functions registered with atexit: they run at the script's end. Those that modules of the standard
    library registered when they were imported run at the end of each script too, as in a process of its own;
    those of other libraries, at the end of the script that imports them."""

    names = ("atexit", "register", "finalize")

    def save(self) -> None:
        atexit._clear()

    def begin(self) -> None:
        for function, arguments, options in _of_the_library:
            _register(function, *arguments, **options)

    def restore(self) -> Sequence[Change]:
        if atexit._ncallbacks():
            atexit._clear()
            return [Change("a function called at exit registered another")]
        return NOTHING


def record_registrations() -> None:
    """From now on know who registers what. Python has no way to ask for it."""
    atexit.register = register


def at_each_end(function: Callable[..., object], *arguments: Any) -> None:
    """Have the function called at the end of each script, before what is registered already."""
    _of_the_library.append((function, arguments, {}))
    _register(function, *arguments)


def register(func: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Register a function to be executed upon normal program termination."""
    library = importing(sys._getframe(1))
    if library and LIBRARY.is_standard(library):
        _of_the_library.append((func, args, kwargs))
    return _register(func, *args, **kwargs)


def importing(frame: FrameType | None) -> str:
    """The library module that is being imported, if that is where the frame is."""
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            name: str = frame.f_globals.get("__name__", "")
            return name if LIBRARY.is_persistent_path(frame.f_code.co_filename) else ""
        frame = frame.f_back
    return ""
