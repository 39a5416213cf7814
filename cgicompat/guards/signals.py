from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal

from cgicompat.guards.change import Change
from cgicompat.guards.guard import Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_NUMBERS = [int(number) for number in sorted(signal.valid_signals())]
_UNCATCHABLE = (signal.SIGKILL, signal.SIGSTOP)


class Signals(Guard):
    """Signal handlers, the mask of blocked signals, pending alarms and interval timers, the file that
    signals wake."""

    names = ("signal", "alarm", "setitimer", "pthread_sigmask", "set_wakeup_fd", "siginterrupt")

    def save(self) -> None:
        # Without the wrappers of `signal`, which make an enum of each of 62.
        self._handlers: list[Any] = list(map(_signal.getsignal, _NUMBERS))
        self._mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        self._timers = [_signal.getitimer(timer) for timer in _TIMERS]

    def restore(self) -> Sequence[Change]:
        changes = []
        for timer, idle in zip(_TIMERS, self._timers, strict=True):
            if _signal.getitimer(timer) != idle:
                _signal.setitimer(timer, 0)
                changes.append(Change("an alarm was pending"))
        if _signal.pthread_sigmask(_signal.SIG_BLOCK, ()) != self._mask:
            for number in _signal.sigpending():
                _signal.signal(number, _signal.SIG_IGN)  # or it would strike us
            _signal.pthread_sigmask(_signal.SIG_SETMASK, self._mask)
            changes.append(Change("signals were blocked"))
        handlers = list(map(_signal.getsignal, _NUMBERS))
        if handlers != self._handlers:
            for number, handler, saved in zip(_NUMBERS, handlers, self._handlers, strict=True):
                if handler is not saved and saved is not None and number not in _UNCATCHABLE:
                    _signal.signal(number, saved)
                    changes.append(Change(f"the handler of {signal.Signals(number).name} was set"))
        if _signal.set_wakeup_fd(-1) != -1:
            changes.append(Change("signal.set_wakeup_fd was called"))
        return changes
