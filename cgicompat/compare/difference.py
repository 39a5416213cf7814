"""What is different, and what only varies.

The reference runs several times. Lines that are not the same in all of its runs (times, process ids, random
numbers) are unstable: where a runner has something else there, nothing is said. Only the words that vary are
left out: the others of such a line count. After `pid 17, visit 1` and `pid 18, visit 1`, `pid 19, visit 2` is
different.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from cgicompat.compare.answer import BODY, EXIT, FILE, HEADERS, STATUS, Part

_WORD = re.compile(r"\w+|\W")
_SHOWN = 16  # bytes
_LONG = 2000  # lines from which the alignment may be a little less exact


@dataclass(frozen=True)
class Difference:
    """`part` is its name (answer.STATUS...), `text` says in words what is different."""

    part: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Row:
    """A line of two texts side by side. `kind` is "same", "unstable" or "differs"; numbers begin at 1, and 0
    with an empty text stands for no line."""

    kind: str
    number: int
    text: str
    other_number: int
    other: str


class Expected:
    """What a part may be, by the runs of the reference; `ignored` are patterns of lines that do not count."""

    def __init__(self, seen: Sequence[Part], ignored: Sequence[re.Pattern[str]] = ()) -> None:
        self.first = seen[0]
        self._seen = list(seen)
        self._ignored = ignored
        self._is_text = all(part.lines is not None for part in seen)
        self._heads = {part.head for part in seen}
        self._variants: dict[int, list[str]] = {}  # of a line of the first: what stood there in other runs
        self._loose: set[int] = set()  # its lines that may be missing, or be anything
        self._gaps: set[int] = set()  # where, before which line, others may stand
        self._fleeting: set[str] = set()  # lines that come and go
        if self._is_text:
            self._base = self._kept(seen[0])
            for part in dict.fromkeys(seen[1:]):
                self._learn(self._kept(part))
        self._shapes = {i: _Shape([self._base[i], *lines]) for i, lines in self._variants.items()}

    @property
    def hopeless(self) -> bool:
        """Is nothing in it the same twice?"""
        if not self._is_text:
            return len({(part.lines, part.digest) for part in self._seen}) > 1
        steady = any(
            line.strip() and i not in self._loose and not (i in self._shapes and self._shapes[i].loose)
            for i, line in enumerate(self._base)
        )
        return not steady and bool(self._loose or self._shapes)

    @property
    def unstable(self) -> list[str]:
        """The lines of the first run that vary."""
        if not self._is_text:
            return []
        return [self._base[i] for i in sorted(self._loose | self._shapes.keys())]

    def differences(self, name: str, part: Part) -> Iterator[Difference]:
        """How `part`, called `name`, differs."""
        if part in self._seen:
            return
        if part.head not in self._heads:
            yield Difference(name, f"{name}: {part.head} in place of {self.first.head}")
        if not self._is_text or part.lines is None:
            if not self.hopeless and (part.lines, part.digest) != (self.first.lines, self.first.digest):
                yield Difference(name, _bytes_differ(name, self.first, part))
            return
        lines = self._kept(part)
        found = [block for block in self._blocks(lines) if not block[0]]
        if found:
            more = sum(max(i2 - i1, j2 - j1) for _, i1, i2, j1, j2 in found) - 1
            yield Difference(name, _words(name, self._base, lines, *found[0][1:], more=more))

    def rows(self, part: Part) -> Iterator[Row]:
        """The first run's lines and those of `part`, side by side; nothing where they are not text."""
        if not self._is_text or part.lines is None:
            return
        left, right = list(self.first.lines or ()), list(part.lines)
        if any(map(self._is_ignored, left + right)):
            yield from self._plain_rows(left, right)
            return
        done_left = done_right = 0
        for good, i1, i2, j1, j2 in [
            *self._blocks(right),
            (True, len(left), len(left), len(right), len(right)),
        ]:
            for k in range(i1 - done_left):
                i, j = done_left + k, done_right + k
                yield Row("same", i + 1, left[i], j + 1, right[j])
            for k in range(max(i2 - i1, j2 - j1)):
                i, j = i1 + k, j1 + k
                kind = "unstable" if good else "differs"
                yield Row(
                    kind,
                    i + 1 if i < i2 else 0,
                    left[i] if i < i2 else "",
                    j + 1 if j < j2 else 0,
                    right[j] if j < j2 else "",
                )
            done_left, done_right = i2, j2

    def _plain_rows(self, left: list[str], right: list[str]) -> Iterator[Row]:
        """As rows(), where some lines are ignored: those are unstable."""
        for _, i1, i2, j1, j2 in _opcodes(left, right):
            for k in range(max(i2 - i1, j2 - j1)):
                mine = left[i1 + k] if i1 + k < i2 else ""
                other = right[j1 + k] if j1 + k < j2 else ""
                ignored = all(not line or self._is_ignored(line) for line in (mine, other))
                kind = "same" if mine == other else "unstable" if ignored else "differs"
                yield Row(
                    kind, i1 + k + 1 if i1 + k < i2 else 0, mine, j1 + k + 1 if j1 + k < j2 else 0, other
                )

    def _is_ignored(self, line: str) -> bool:
        return any(pattern.search(line) for pattern in self._ignored)

    def _kept(self, part: Part) -> list[str]:
        lines = list(part.lines or ())
        return [line for line in lines if not self._is_ignored(line)] if self._ignored else lines

    def _learn(self, lines: list[str]) -> None:
        """As many lines correspond one by one: a clock's next line may be what its last one was."""
        if len(lines) == len(self._base):
            for i, (line, other) in enumerate(zip(self._base, lines, strict=True)):
                if line != other:
                    self._variants.setdefault(i, []).append(other)
            return
        for tag, i1, i2, j1, j2 in _opcodes(self._base, lines):
            if tag == "equal":
                continue
            if i2 - i1 == j2 - j1:
                for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                    self._variants.setdefault(i, []).append(lines[j])
            else:
                self._loose.update(range(i1, i2))
                self._gaps.update(range(i1, i2 + 1))
                self._fleeting.update(self._base[i1:i2], lines[j1:j2])

    def _blocks(self, lines: list[str]) -> Iterator[tuple[bool, int, int, int, int]]:
        """(allowed, i1, i2, j1, j2) of what is not the same in `lines`, by line where lines correspond."""
        if len(lines) == len(self._base):
            changed = [i for i, line in enumerate(lines) if line != self._base[i]]
            if all(self._allows(i, lines[i]) for i in changed):
                yield from ((True, i, i + 1, i, i + 1) for i in changed)
                return
        for tag, i1, i2, j1, j2 in _opcodes(self._base, lines):
            if tag == "equal":
                continue
            if i2 - i1 == j2 - j1:
                for i, j in zip(range(i1, i2), range(j1, j2), strict=True):
                    yield self._allows(i, lines[j]), i, i + 1, j, j + 1
            else:
                # What only varies at either end of the block belongs together.
                while i1 < i2 and j1 < j2 and self._allows(i1, lines[j1]):
                    yield True, i1, i1 + 1, j1, j1 + 1
                    i1, j1 = i1 + 1, j1 + 1
                tail = []
                while i1 < i2 and j1 < j2 and self._allows(i2 - 1, lines[j2 - 1]):
                    i2, j2 = i2 - 1, j2 - 1
                    tail.append((True, i2, i2 + 1, j2, j2 + 1))
                near = not self._gaps.isdisjoint(range(i1, i2 + 1))
                if i1 < i2 or j1 < j2:
                    yield near and all(map(self._may_go, range(i1, i2))), i1, i2, j1, j2
                yield from reversed(tail)

    def _may_go(self, i: int) -> bool:
        return i in self._loose or i in self._variants or self._base[i] in self._fleeting

    def _allows(self, i: int, line: str) -> bool:
        return i in self._loose or (i in self._shapes and self._shapes[i].fits(line))


class _Shape:
    """What the variants of a line have in common: words that are the same in all, by position; `loose` where
    they have nothing."""

    def __init__(self, variants: list[str]) -> None:
        words = [_WORD.findall(line) for line in variants]
        self._fixed: dict[int, str] | None = None
        self._length = len(words[0])
        if all(len(line) == self._length for line in words):
            self._fixed = {
                i: words[0][i] for i in range(self._length) if all(line[i] == words[0][i] for line in words)
            }

    @property
    def loose(self) -> bool:
        return not (self._fixed and any(word.isalnum() for word in self._fixed.values()))

    def fits(self, line: str) -> bool:
        if self._fixed is None:
            return True
        words = _WORD.findall(line)
        return len(words) == self._length and all(words[i] == word for i, word in self._fixed.items())


class Reference:
    """All parts of a reference's runs of one case."""

    def __init__(
        self,
        runs: Sequence[Mapping[str, Part]],
        ignored: Sequence[re.Pattern[str]] = (),
        but: Sequence[str] = (),
    ) -> None:
        """`but` are names of parts that do not count; "files" stands for all of these."""
        self._but = but
        always = set(runs[0]).intersection(*runs[1:])
        self.expected = {
            name: Expected([run[name] for run in runs], ignored)
            for name in runs[0]
            if name in always and not self._left_out(name)
        }
        self._sometimes = {name for run in runs for name in run if name not in always}

    def differences(self, answer: Mapping[str, Part]) -> list[Difference]:
        """How another answer differs, most important first."""
        found: list[Difference] = []
        for name, expected in self.expected.items():
            if name in answer:
                found += expected.differences(name, answer[name])
            else:
                found.append(Difference(name, f"{name} is left as it was"))
        for name in answer:
            if name not in self.expected and not self._left_out(name) and not self._may_be_there(name):
                found.append(Difference(name, f"{name} is changed too ({answer[name].head})"))
        return found

    @property
    def hopeless(self) -> str:
        """Why nothing can be told, or nothing: the part that is never the same twice."""
        for name in (STATUS, EXIT, BODY):
            if name in self.expected and self.expected[name].hopeless:
                return name
        return ""

    @property
    def unstable(self) -> dict[str, list[str]]:
        """Lines that vary, by part."""
        found = {name: expected.unstable for name, expected in self.expected.items()}
        if self._sometimes:
            found["files"] = sorted(name.removeprefix(FILE) for name in self._sometimes)
        return {name: lines for name, lines in found.items() if lines}

    def _left_out(self, name: str) -> bool:
        return name in self._but or (name.startswith(FILE) and "files" in self._but)

    def _may_be_there(self, name: str) -> bool:
        """A file whose name varies stands beside others of its kind."""
        folders = {other.removeprefix(FILE).rpartition("/")[0] for other in self._sometimes}
        folder = name.removeprefix(FILE)
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in folders:
                return True
        return False


def _opcodes(first: list[str], second: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """As SequenceMatcher.get_opcodes(), which is slow; but most lines are the same at either end."""
    start, end = 0, 0
    shorter = min(len(first), len(second))
    while start < shorter and first[start] == second[start]:
        start += 1
    while end < shorter - start and first[-1 - end] == second[-1 - end]:
        end += 1
    if start:
        yield "equal", 0, start, 0, start
    middle = first[start : len(first) - end], second[start : len(second) - end]
    if any(middle):
        matcher = SequenceMatcher(None, *middle, autojunk=max(map(len, middle)) > _LONG)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            yield tag, i1 + start, i2 + start, j1 + start, j2 + start
    if end:
        yield "equal", len(first) - end, len(first), len(second) - end, len(second)


def _words(
    name: str, base: list[str], lines: list[str], i1: int, i2: int, j1: int, j2: int, more: int
) -> str:
    tail = f" (and {more} more line{'s' if more > 1 else ''})" if more else ""
    old = _shown(base[i1]) if i1 < i2 else ""
    new = _shown(lines[j1]) if j1 < j2 else ""
    if name in (STATUS, EXIT):
        return f"{name} {lines[j1]} in place of {base[i1]}"
    if name == HEADERS:
        tail = f" (and {more} more)" if more else ""
        if old and new:
            return f"header {new} in place of {old}{tail}"
        return f"header {new} is added{tail}" if new else f"header {old} is missing{tail}"
    where = f"{name}, line {j1 + 1}"
    if old and new:
        return f"{where}: {new} in place of {old}{tail}"
    return f"{where}: {new} is added{tail}" if new else f"{name}, line {i1 + 1}: {old} is missing{tail}"


def _shown(line: str) -> str:
    return repr(line if len(line) <= 100 else line[:97] + "...") if line.strip() else "an empty line"


def _bytes_differ(name: str, expected: Part, part: Part) -> str:
    if expected.lines is not None or part.lines is not None:
        return f"{name}: {_kind(part)} in place of {_kind(expected)}"
    sizes = f"{part.size} in place of {expected.size} bytes, " if part.size != expected.size else ""
    shorter = min(len(expected.data), len(part.data))
    at = next((i for i in range(shorter) if expected.data[i] != part.data[i]), shorter)
    words = f"{name}: {sizes}the first that differs is number {at + 1}"
    new, old = (repr(data[at : at + _SHOWN])[1:] for data in (part.data, expected.data))
    return f"{words}, {new} in place of {old}" if part.data and expected.data else words


def _kind(part: Part) -> str:
    return "text" if part.lines is not None else "bytes"
