"""A comparison as one page of HTML that needs nothing else: no network, no other file.

Here the report is made into what the template shows, so that the template has no logic: rows of two texts
side by side, with long stretches of what is the same left out, and words marked within lines.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.resources import files
from typing import Any

from cgicompat import __version__
from cgicompat.compare.answer import FILE
from cgicompat.compare.difference import Expected, Row
from cgicompat.compare.report import (
    DIFFERS,
    FAILS,
    SAME,
    UNSTABLE,
    CaseReport,
    Report,
    ScriptReport,
    Times,
    Trial,
)
from cgicompat.compare.terminal import duration, memory
from cgicompat.guards.change import FATES

_WORD = re.compile(r"\w+|\s+|.")
_AROUND = 3  # lines shown around what is not the same
_MOST_ROWS = 1000  # of one part
_LONG = 4000  # characters of a line that are shown
_MARKED = 1000  # characters of two lines in which words are marked, which takes time
_CONTROLS = {code: 0x2400 + code for code in range(32) if code != 9} | {127: 0x2421}
_WORDS = {SAME: "same", DIFFERS: "differs", UNSTABLE: "cannot tell", FAILS: "fails everywhere"}


@dataclass
class Piece:
    """A stretch of a line."""

    text: str
    marked: bool


def page(report: Report) -> str:
    """The whole document. Needs jinja2 (the extra `html`)."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=False, undefined=jinja2.StrictUndefined)
    template = environment.from_string(_text("page.html.j2"))
    return template.render(
        report=_report(report), policy=policy(), style=_safe(_style()), script=_safe(_text("page.js"))
    )


def policy() -> str:
    """The Content-Security-Policy of the page: its own style and script, and nothing from elsewhere."""
    script = base64.b64encode(hashlib.sha256(_text("page.js").encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; img-src data:"


def _text(name: str) -> str:
    return files("cgicompat.compare").joinpath(name).read_text("utf-8")


def _style() -> str:
    return _text("style.css") + _text("page.css")


def _safe(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # our own files


def _report(report: Report) -> dict[str, Any]:
    states = [script.state_of_all for script in report.scripts]
    longest = ("reference", "cgi", "fork", "cgihandler")
    used = {name for script in report.scripts for name in script.runners}
    numbers = [
        (SAME, "the same everywhere"),
        (DIFFERS, "with differences"),
        (UNSTABLE, "unstable, cannot tell"),
        (FAILS, "failing everywhere"),
    ]
    short = "plain CGI" if report.options.plain else report.options.url or report.options.reference
    return {
        "directory": report.directory,
        "reference": report.reference,
        "reference_short": short or "reference",
        "when": time.strftime("%Y-%m-%d %H:%M", time.localtime(report.began)),
        "duration": duration(report.seconds),
        "version": __version__,
        "same_count": states.count(SAME),
        "numbers": [
            {"state": state, "count": states.count(state), "text": text}
            for state, text in numbers
            if states.count(state) or state == SAME
        ],
        "remarks": report.remarks,
        "runners": [
            {"name": name, "text": f"reference: {short}" if name == "reference" else name}
            for name in longest
            if name == "reference" or name in used
        ],
        "scripts": [_script(script, number) for number, script in enumerate(report.scripts)],
        "toml": "\n".join(script.section for script in report.scripts if script.section),
    }


def _script(script: ScriptReport, number: int) -> dict[str, Any]:
    verdict = script.verdict
    return {
        "id": f"script-{number}",
        "path": script.path,
        "state": script.state_of_all,
        "short": verdict.partition(":")[0].partition(";")[0],
        "verdict": _visible(verdict),
        "remarks": script.remarks,
        "leaks": sorted(script.leaks, key=lambda leak: FATES.index(leak.fate)),
        "bars": _bars({name: _sum(script, name) for name in ("reference", *script.runners)}),
        "cases": [_case(case) for case in script.cases],
    }


def _sum(script: ScriptReport, runner: str) -> Times | None:
    """The times of all requests for a script together."""
    found = [times for case in script.cases if (times := case.times(runner))]
    if not found:
        return None
    total = [sum(getattr(times, name) for times in found) for name in ("median", "least", "most", "cpu")]
    median, least, most, cpu = total
    return Times(median, least, most, cpu, max(times.peak for times in found))


def _bars(times: dict[str, Times | None]) -> list[dict[str, Any]]:
    longest = max((one.most for one in times.values() if one), default=0) or 1
    return [
        {
            "runner": name,
            "text": duration(one.median),
            "title": _facts(name, one),
            "width": round(100 * one.median / longest, 2),
            "from_": round(100 * one.least / longest, 2),
            "to": round(100 * one.most / longest, 2),
        }
        for name, one in times.items()
        if one
    ]


def _facts(name: str, times: Times) -> str:
    words = f"{name}: {duration(times.median)} ({duration(times.least)} to {duration(times.most)})"
    if times.peak:
        words += f", {duration(times.cpu)} CPU, {memory(times.peak)} of memory"
    return words


def _case(case: CaseReport) -> dict[str, Any]:
    unstable = [
        f"{len(lines)} {'name' if name == 'files' else 'line'}{'s' if len(lines) > 1 else ''} of {name}"
        for name, lines in case.reference.unstable.items()
    ]
    runners = [_runner(case, name) for name in reversed(case.runners) if case.of(name)]
    for runner in runners:
        runner["open"] = runner is next((one for one in runners if one["state"] == DIFFERS), None)
    return {
        "name": case.case.name,
        "unstable": ", ".join(unstable),
        "bars": _bars({"reference": case.times("reference")}),
        "runners": runners,
    }


def _runner(case: CaseReport, name: str) -> dict[str, Any]:
    state, trial, times = case.state(name), case.shown(name), case.times(name)
    assert trial
    facts = _facts(name, times) if times else ""
    if reference := case.times("reference"):
        facts += f"; {_facts('reference', reference)}"
    differences = "; ".join(map(str, trial.differences)) + (f", {trial.when}" if trial.when else "")
    what = {
        SAME: "",
        DIFFERS: _visible(differences),
        UNSTABLE: case.cannot_tell,
        FAILS: _visible(case.fails),
    }[state]
    return {
        "name": name,
        "state": state,
        "word": _WORDS[state],
        "what": what,
        "facts": facts,
        "parts": [part for part in _parts(case, trial) if part["rows"] or part["note"]],
    }


def _parts(case: CaseReport, trial: Trial) -> Iterator[dict[str, Any]]:
    """Status, headers, body, exit status, stderr, files: as the reference has them, then what is new."""
    reference = case.reference_runs[0].parts
    differ = {difference.part for difference in trial.differences}
    for name in dict.fromkeys([*reference, *trial.parts]):
        old, new = reference.get(name), trial.parts.get(name)
        state = DIFFERS if name in differ else SAME
        note = "" if name in case.reference.expected or old is None else "not compared"
        if old is None or new is None:
            note = "only under the reference" if new is None else "only here" if name.startswith(FILE) else ""
        some = old or new
        assert some
        if some.head and not note:
            note = some.head if not new or new.head == some.head else f"{some.head}; here {new.head}"
        expected = case.reference.expected.get(name) or Expected([some])
        if some.lines is None:
            size = f"{some.size} bytes"
            note = ", ".join(filter(None, (note, f"{size} against {new.size}" if new and state else size)))
        rows = list(expected.rows(new if old and new else some))
        yield {"name": name, "state": state, "note": note, "rows": _shortened(rows)}


def _shortened(rows: list[Row]) -> list[dict[str, Any]]:
    """Rows for the template, without long stretches of what is the same."""
    if rows and not rows[-1].text and not rows[-1].other:
        rows.pop()  # what follows the last line's end
    near: set[int] = set()
    for i, row in enumerate(rows):
        if row.kind != "same":
            near.update(range(i - _AROUND, i + _AROUND + 1))
    if not near:
        near.update(range(4 * _AROUND))
    shown: list[dict[str, Any]] = []
    i = 0
    while i < len(rows):
        end = i
        while end < len(rows) and end not in near:
            end += 1
        if end - i > 2 or len(shown) > _MOST_ROWS:
            end = len(rows) if len(shown) > _MOST_ROWS else end
            lines = "lines are the same" if len(shown) <= _MOST_ROWS else "more lines"
            shown.append({"kind": "skip", "text": f"{end - i} {lines}"})
            i = end
        else:
            shown.append(_row(rows[i]))
            i += 1
    return shown


def _row(row: Row) -> dict[str, Any]:
    left, right = _marked(row)
    return {
        "kind": row.kind,
        "number": row.number,
        "left": left,
        "other_number": row.other_number,
        "right": right,
    }


def _marked(row: Row) -> tuple[list[Piece], list[Piece]]:
    """Both lines in pieces, marked where their words are not the same."""
    if row.kind == "same" or not (row.number and row.other_number) or len(row.text + row.other) > _MARKED:
        return [Piece(_visible(row.text[:_LONG]), False)], [Piece(_visible(row.other[:_LONG]), False)]
    first, second = _WORD.findall(row.text), _WORD.findall(row.other)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        left.append(Piece(_visible("".join(first[i1:i2])), tag != "equal"))
        right.append(Piece(_visible("".join(second[j1:j2])), tag != "equal"))
    return left, right


def _visible(text: str) -> str:
    """Control characters as pictures of themselves; what is no character, as a sign for that."""
    return text.translate(_CONTROLS).encode("utf-8", "replace").decode()
