from __future__ import annotations

import sys

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_MONITORING: Any = getattr(sys, "monitoring", None)  # since 3.12
_TOOLS = range(6)


class Tracing(Guard):
    """Trace and profile functions, and the tools of sys.monitoring."""

    names = ("settrace", "setprofile", "monitoring", "use_tool_id", "set_trace", "Profile", "enable")

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        if sys.gettrace() is not None:
            sys.settrace(None)
            changes = [Change("sys.settrace was called", names=("settrace", "set_trace"))]
        if sys.getprofile() is not None:
            sys.setprofile(None)
            changes = [*changes, Change("sys.setprofile was called", names=("setprofile", "enable"))]
        if _MONITORING is not None:
            for tool in _TOOLS:
                if _MONITORING.get_tool(tool) is not None:
                    changes = [*changes, Change(f"sys.monitoring was used by {_MONITORING.get_tool(tool)!r}")]
                    _MONITORING.set_events(tool, 0)
                    for event in vars(_MONITORING.events).values():
                        if isinstance(event, int) and event:
                            _quietly(_MONITORING.register_callback, tool, event, None)
                    _MONITORING.free_tool_id(tool)
        return changes


def _quietly(function: Any, *arguments: object) -> None:
    try:
        function(*arguments)
    except ValueError:
        pass  # no event that has a callback
