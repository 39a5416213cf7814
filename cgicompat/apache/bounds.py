"""How long a text may be that an expression is compared with, so that the comparison ends in a second.

Python tries one way after the other to match. Each `.*` that may end in many places makes that as many times
longer as the text has characters, and one within another, as in (a*)*, doubles it with each character. The
first we limit by the length of the text, the second we refuse.
"""

from __future__ import annotations

import re
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STEPS = 3e7  # less than a second
_LONGEST, _SHORTEST = 8192, 40
_REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}
_FEW = 10  # repetitions that are as good as written out
_ALL = (1 << 257) - 1  # characters as a set of bits; the last is for all that are not Latin-1
_CLASSES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}


def longest(pattern: str, flags: int) -> int:
    """The longest text for an expression that Python understands. Raises ValueError where there is none."""
    items = list(_parser.parse(pattern, flags))
    anchored = (
        bool(items) and items[0][0] is op.AT and items[0][1] in (op.AT_BEGINNING, op.AT_BEGINNING_STRING)
    )
    several, once, factor = _weigh(items, 0, True, bool(flags & re.IGNORECASE))
    power = several + once + (not anchored)
    most = int((_STEPS / factor) ** (1 / max(power, 1)))
    if most < _SHORTEST:
        raise ValueError("matches in too many ways, which can take for ever: write it with fewer * + and ?")
    return min(_LONGEST, most)


def _weigh(items: list[Any], after: int, last: bool, fold: bool) -> tuple[int, bool, int]:
    """How many repetitions may end in as many places as there are characters, whether there are some that end
    in one, and in how many ways all others match. What follows begins with one of the characters `after`; or
    nothing does, where the items are the `last`."""
    several, once, factor = 0, False, 1
    for i, (kind, given) in enumerate(items):
        rest = items[i + 1 :]
        follows, empty = _first(rest, fold)
        follows |= after if empty else 0
        end = last and not rest  # it is content with anything
        inner: list[tuple[list[Any], int, bool]] = []
        if kind in _REPEATS:
            low, high, body = given
            overlap = follows & _first(list(body), fold)[0]
            if high > 1:
                _check(list(body), follows, fold)
            else:
                inner = [(list(body), follows, end)]
            if high - low > _FEW:
                several += bool(overlap and not end)
                once = once or not (overlap or end)
            elif overlap and not end:
                factor *= high - low + 1
        elif kind is op.SUBPATTERN:
            inner = [(list(given[-1]), follows, end)]
        elif kind is op.BRANCH:
            inner = [(list(branch), follows, end) for branch in given[1]]
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            inner = [(list(given[1]), 0, True)]
        elif kind is op.ATOMIC_GROUP:
            inner = [(list(given), follows, end)]
        elif kind is op.GROUPREF_EXISTS:
            inner = [(list(one), follows, end) for one in given[1:] if one]
        found = [_weigh(*one, fold) for one in inner]
        if found:
            several += max(one[0] for one in found)
            once = once or any(one[1] for one in found)
            factor *= sum(one[2] for one in found)
    return several, once, factor


def _check(body: list[Any], after: int, fold: bool) -> None:
    """Raises ValueError where a body that is repeated, and followed by a character `after`, may match the
    same text in several ways."""
    first, empty = _first(body, fold)
    if empty:
        raise ValueError("repeats what may be empty, which can take for ever: write it without")
    _unambiguous(_flat(body), after | first, fold)


def _unambiguous(body: list[Any], after: int, fold: bool) -> None:
    for i, (kind, given) in enumerate(body):
        follows, empty = _first(body[i + 1 :], fold)
        follows |= after if empty else 0
        if kind in _REPEATS and given[0] != given[1]:
            if follows & _first(list(given[2]), fold)[0]:
                raise ValueError(
                    "repeats a repetition, as (a*)* does, which can take for ever: write it once"
                )
            if given[1] > 1:
                _check(list(given[2]), follows, fold)
        elif kind is op.BRANCH:
            seen = 0
            for branch in given[1]:
                first, empty = _first(list(branch), fold)
                if empty or first & seen:
                    raise ValueError("repeats alternatives that begin alike, which can take for ever")
                seen |= first
                _unambiguous(_flat(list(branch)), follows, fold)
        elif kind in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise ValueError("repeats a reference, which can take for ever: write it without")


def _flat(items: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for kind, given in items:
        flat += _flat(list(given[-1])) if kind is op.SUBPATTERN else [(kind, given)]
    return flat


def _first(items: list[Any], fold: bool) -> tuple[int, bool]:
    """The characters that a match may begin with, and whether it may be empty."""
    found = 0
    for kind, given in items:
        one, empty = _begin(kind, given, fold)
        found |= one
        if not empty:
            return found, False
    return found, True


def _begin(kind: Any, given: Any, fold: bool) -> tuple[int, bool]:
    if kind is op.LITERAL:
        return _folded(1 << min(given, 256), fold), False
    if kind is op.NOT_LITERAL:
        return _ALL & ~(1 << given) if given < 256 and not fold else _ALL, False
    if kind is op.IN:
        return _folded(_set(given), fold), False
    if kind is op.SUBPATTERN:
        return _first(list(given[-1]), fold)
    if kind is op.BRANCH:
        branches = [_first(list(branch), fold) for branch in given[1]]
        union = 0
        for first, _ in branches:
            union |= first
        return union, any(empty for _, empty in branches)
    if kind in _REPEATS:
        first, empty = _first(list(given[2]), fold)
        return first, empty or given[0] == 0
    if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return 0, True
    return _ALL, kind is not op.ANY


def _set(members: list[Any]) -> int:
    found, negated = 0, False
    for kind, given in members:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            found |= 1 << min(given, 256)
        elif kind is op.RANGE:
            low, high = min(given[0], 256), min(given[1], 256)
            found |= (1 << (high + 1)) - (1 << low)
        elif negated:
            # Of others than Latin-1 letters we know less: better too many characters than too few.
            return _ALL & ~found if _CLASSES.get(given, "").lower() != _CLASSES.get(given) else _ALL
        else:
            pattern = re.compile(_CLASSES[given], re.ASCII)
            found |= sum(1 << i for i in range(257) if pattern.fullmatch(chr(i)))
    if negated:
        return _ALL & ~(found & ~(1 << 256))
    return found


def _folded(found: int, fold: bool) -> int:
    if fold:
        for i in range(26):
            pair = 1 << (65 + i) | 1 << (97 + i)
            if found & pair:
                found |= pair
    return found
