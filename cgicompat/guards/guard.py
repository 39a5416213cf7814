"""What all guards have in common."""

from __future__ import annotations

from cgicompat.guards.change import Change
from cgicompat.guards.executed import EXECUTED
from cgicompat.modules import CODE, names_in, with_inner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dis import Instruction
    from types import CodeType
    from typing import ClassVar

NOTHING: tuple[Change, ...] = ()


class Guard:
    """One thing that scripts can change.

    The docstring of a guard is what docs/isolation.md says of it. `names` are the words by which a script
    changes it: an audit looks for them to tell the line.
    """

    names: ClassVar[tuple[str, ...]] = ()
    outside: ClassVar[bool] = False  # it guards what is not in the process's memory
    audit = False  # tell also what is put back without looking, since that costs less
    growth = 0  # bytes by which the process may grow; 0 is any number

    def save(self) -> None:
        """Keep the state of a process in which no script has run."""

    def begin(self) -> None:
        """A run begins, with its environment and directory set."""

    def restore(self) -> Sequence[Change]:
        """Put back what the run has changed, and tell what it was."""
        raise NotImplementedError


def uses(names: frozenset[str]) -> bool:
    """Whether this run's scripts have one of `names` in their code; "/proc" is in a text."""
    return CODE.uses(names) or any(not names.isdisjoint(names_in(code)) for code in EXECUTED.codes())


# What changes a thing, as far as code can tell.
_CHANGES = frozenset(
    ("clear", "update", "pop", "popitem", "setdefault", "append", "extend", "insert", "remove", "reverse")
    + ("sort", "add", "discard", "STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR")
)


def locate(names: Sequence[str]) -> str:
    """FILE:LINE of the likeliest place in this run's scripts to change what `names` stand for, or nothing."""
    try:
        from dis import get_instructions
    except ImportError:
        return ""  # the script has made this process one of a user who may not read the library
    best = _NOWHERE
    for source in CODE.used:
        for code in with_inner(source.code):
            named = [name for name in names if name in code.co_names]
            instructions = list(get_instructions(code)) if named else []
            for name in named:
                best = _likelier(_rank(code, instructions, name), best)
    return best[2]


_NOWHERE = (9, 0, "")


def _likelier(one: tuple[int, int, str], other: tuple[int, int, str]) -> tuple[int, int, str]:
    """Of two places; a later one, since many scripts show a thing before they change it."""
    return min(one, other, key=lambda found: (found[0], -found[1]))


def _rank(code: CodeType, instructions: list[Instruction], name: str) -> tuple[int, int, str]:
    """(how unlikely, line, FILE:LINE) of the likeliest line of the code that has the name."""
    lines: dict[int, set[str]] = {}
    for instruction in instructions:
        line = (instruction.positions.lineno if instruction.positions else None) or code.co_firstlineno
        words = lines.setdefault(line, set())
        words.add(instruction.opname)
        if instruction.argval == name:
            words.add(f"{name} by {instruction.opname[:9]}")
        elif isinstance(instruction.argval, str):
            words.add(instruction.argval)
    best = _NOWHERE
    for line, words in sorted(lines.items()):
        changes = not words.isdisjoint(_CHANGES)
        for rank, how in enumerate(
            ("STORE_ATT", "DELETE_AT", "LOAD_ATTR", "LOAD_METH", "LOAD_NAME", "LOAD_GLOB")
        ):
            if f"{name} by {how}" in words:
                likely = rank if rank < 2 or changes else rank + 4
                best = _likelier((likely, line, f"{code.co_filename}:{line}"), best)
    return best
