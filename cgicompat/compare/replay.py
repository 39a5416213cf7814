"""Recorded requests sent again: does the script, or a server, still answer as it did?

Scripts run as in a comparison: on copies, with the runners and guards of production. Where an answer is not
the recorded one, the request is sent twice more, the last time a second later: lines that are not the same in
all these answers are unstable and do not count, nor do dates and times, wherever they stand.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cgicompat.compare import live
from cgicompat.compare.answer import EXIT, Part, response, response_parts, text
from cgicompat.compare.bench import Bench, runs_here
from cgicompat.compare.case import Case, CompareError, Options
from cgicompat.compare.difference import Expected
from cgicompat.config import Settings
from cgicompat.recordings.masking import mask_head
from cgicompat.recordings.place import placed
from cgicompat.recordings.recording import Recording, RecordingError, digest
from cgicompat.response import is_nph

_APART = 1.1  # seconds: a second hand must have moved
_MOMENTS = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
    r"(?:\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b"
    r"|\b\d{1,2}[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ -]\d{4}"
    r"(?:\s+\d\d:\d\d(?::\d\d)?)?(?:\s+(?:GMT|UTC|[+-]\d{4}))?"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\s+\d{1,2},?"
    r"(?:\s+\d\d:\d\d(?::\d\d)?)?\s+\d{4}\b"
    r"|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b)"
)


@dataclass
class Result:
    """What became of one recording.

    `differences` are lines by part: what was recorded after "-", what came now after "+". `unstable` are
    lines that vary. `problem` says why it could not be sent, `skipped` why it was not. `seconds` is how long
    the answer took, `errors` what the script wrote to stderr.
    """

    recording: Recording
    differences: dict[str, list[str]] = field(default_factory=dict)
    unstable: list[str] = field(default_factory=list)
    problem: str = ""
    skipped: str = ""
    seconds: float = 0.0
    errors: bytes = b""

    @property
    def same(self) -> bool:
        return not (self.differences or self.problem or self.skipped)


Answer = tuple[dict[str, Part], dict[str, Part]]  # what was recorded and what came, as far as comparable
Tell = Callable[[Result], None]


def replay(
    settings: Settings,
    recordings: Sequence[Recording],
    runner: str = "",
    in_place: bool = False,
    tell: Tell = lambda result: None,
) -> list[Result]:
    """Have the scripts of `settings.directory` answer again, under `runner` or the one configured for each;
    with `in_place` on the files themselves, and then once only. `tell` gets each result when it is known, in
    no order. Raises CompareError."""
    with Bench(settings, Options(in_place=in_place)) as bench:

        def ask(result: Result) -> Answer:
            recording = placed(result.recording, settings)
            name = runner or settings.for_script(recording.script).runner
            name = "fork" if name == "auto" else name
            process = bench.process(name if runs_here(settings, recording.script) else "cgi")
            try:
                run = process.run(_case(recording))
            finally:
                process.close()
            result.errors, result.seconds = run.errors, run.seconds
            return _parts(recording), _parts(recording, run.output, run.status)

        return _send(recordings, ask, 1 if in_place else 3, tell)


def replay_at(
    url: str,
    settings: Settings,
    recordings: Sequence[Recording],
    unsafe: bool = False,
    tell: Tell = lambda result: None,
) -> list[Result]:
    """The same with the server at `url`; methods other than GET and HEAD are sent if `unsafe`, and once."""

    def ask(result: Result) -> Answer:
        recording = result.recording
        began = time.monotonic()
        came = response_parts(live.ask(url, _case(recording), settings.timeout, unsafe=True))
        result.seconds = time.monotonic() - began
        recorded = _parts(recording)
        live.level([recorded], [came], _method(recording))
        return recorded, came

    safe = [recording for recording in recordings if _method(recording) in ("GET", "HEAD")]
    others = [recording for recording in recordings if recording not in safe]
    results = _send(safe, ask, 3, tell)
    if unsafe:
        results += _send(others, ask, 1, tell)
    else:
        why = "it could change something there; --unsafe sends it all the same"
        for recording in others:
            results.append(Result(recording, skipped=why))
            tell(results[-1])
    order = {id(recording): number for number, recording in enumerate(recordings)}
    return sorted(results, key=lambda result: order[id(result.recording)])


def _send(
    recordings: Sequence[Recording], ask: Callable[[Result], Answer], times: int, tell: Tell
) -> list[Result]:
    results = [Result(recording) for recording in recordings]
    answers: dict[int, list[Answer]] = {}
    doubtful = results
    began = time.monotonic()
    for turn in range(times):
        if turn == 2:
            time.sleep(max(0.0, began + _APART - time.monotonic()))
        for result in doubtful:
            try:
                answers.setdefault(id(result), []).append(ask(result))
                _judge(result, answers[id(result)])
            except (RecordingError, CompareError) as error:
                result.problem = str(error)
            if turn + 1 == times or not result.differences:
                tell(result)
        doubtful = [result for result in doubtful if result.differences]
        if not doubtful:
            break
    return results


def _judge(result: Result, answers: list[Answer]) -> None:
    result.differences.clear()
    result.unstable.clear()
    recorded = answers[0][0]
    for name, part in recorded.items():
        came = Expected([_timeless(answer[name]) for _, answer in answers])
        result.unstable += came.unstable
        then = _timeless(part)
        if list(came.differences(name, then)):
            result.differences[name] = _lines(came, then)


def _lines(came: Expected, then: Part) -> list[str]:
    now = came.first
    if now.lines is None or then.lines is None:
        return [f"{sign} {_size(part)}" for sign, part in (("-", then), ("+", now))]
    differing = [row for row in came.rows(then) if row.kind == "differs"]
    return [
        *(f"- {row.other}" for row in differing if row.other_number),
        *(f"+ {row.text}" for row in differing if row.number),
    ]


def _size(part: Part) -> str:
    if part.lines is None:
        return f"{part.size} bytes, SHA-256 {part.digest[:16]}..."
    return f"text of {len(part.lines)} lines"


def _parts(recording: Recording, output: bytes | None = None, status: int | None = None) -> dict[str, Part]:
    """What was recorded, or of another output as much as can be compared with that."""
    kept = recording.output
    rest = ""
    if output is None:
        data, status = kept.data, recording.status
        rest = f"{kept.size} bytes, {kept.rest}"
    else:
        data = mask_head(output) if recording.masked else output
        if not kept.whole:
            rest = f"{len(data)} bytes, {digest(data[len(kept.data) :])}"
            data = data[: len(kept.data)]
    parts = response_parts(response(data, is_nph(recording.script)))
    if recording.status is not None:
        parts[EXIT] = text(str(status))
    if not kept.whole:
        parts["rest of the body"] = text(rest)
    return parts


def _timeless(part: Part) -> Part:
    if part.lines is None:
        return part
    return Part(tuple(_MOMENTS.sub("(time)", line) for line in part.lines), head=part.head)


def _case(recording: Recording) -> Case:
    return Case(recording.label, recording.script, recording.environ, recording.body)


def _method(recording: Recording) -> str:
    return recording.environ.get("REQUEST_METHOD", "GET")
