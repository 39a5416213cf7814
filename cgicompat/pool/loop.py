"""poll(2) with a function to call for each descriptor."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """The descriptors that a process waits for."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._functions: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, function: Callable[[], None], events: int = select.POLLIN) -> None:
        """Call `function` when there is something to read; with no `events`, when the other end is closed."""
        self._functions[fd] = function
        self._poll.register(fd, events)

    def forget(self, fd: int) -> None:
        """Watch it no more."""
        if self._functions.pop(fd, None):
            self._poll.unregister(fd)

    def watches(self, fd: int) -> bool:
        return fd in self._functions

    def wait(self, seconds: float) -> None:
        """Wait until something happens, no longer than `seconds`, and see to it."""
        try:
            events = self._poll.poll(seconds * 1000)
        except InterruptedError:
            return
        for fd, _ in events:
            function = self._functions.get(fd)
            if function:
                function()
