"""What all guards have in common."""

from __future__ import annotations

from cgicompat.guards.change import Change
from cgicompat.runners.modules import CODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType
    from typing import ClassVar

NOTHING: tuple[Change, ...] = ()


class Guard:
    """One thing that scripts can change.

    The docstring of a guard is what docs/isolation.md says of it. `names` are the words by which a script
    changes it: an audit looks for them to tell the line.
    """

    names: ClassVar[tuple[str, ...]] = ()
    audit = False  # tell also what is put back without looking, since that costs less

    def save(self) -> None:
        """Keep the state of a process in which no script has run."""

    def begin(self) -> None:
        """A run begins, with its environment and directory set."""

    def restore(self) -> Sequence[Change]:
        """Put back what the run has changed, and tell what it was."""
        raise NotImplementedError


def locate(names: Sequence[str]) -> str:
    """FILE:LINE of the first place in this run's scripts that has one of `names`, or nothing."""
    if not names:
        return ""
    import dis

    for name in names:
        for module in CODE.used:
            for code in _with_inner(module):
                if name in code.co_names:
                    for instruction in dis.get_instructions(code):
                        if instruction.argval == name:
                            line = instruction.positions.lineno if instruction.positions else None
                            return f"{code.co_filename}:{line or code.co_firstlineno}"
    return ""


def _with_inner(code: CodeType) -> list[CodeType]:
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            found += _with_inner(constant)
    return found
