"""What a comparison found: by request, by script, in words, and as JSON.

The verdict of a script is made of those of its requests. Each runner is the same, or it differs; the first
difference says how, when and, as far as the audit knows it, why.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cgicompat import __version__
from cgicompat.compare.answer import STATUS, STDERR, Part
from cgicompat.compare.case import OURS, Case, Options, Run
from cgicompat.compare.difference import Difference, Reference
from cgicompat.guards.change import KEPT, Change

FORMAT = "cgicompat compare 1"
SAME, DIFFERS, UNSTABLE, FAILS = "same", "differs", "unstable", "fails"
_MUCH = 1.1  # times as long: so much slower is slower


class Leak(NamedTuple):
    """Something that a script changed in its process: see guards.change.Change."""

    what: str
    fate: str
    where: str

    def __str__(self) -> str:
        return str(Change(*self))


@dataclass
class Trial:
    """One run: the `call`th of its process, `before` it the request of that name, if another. `alone` says
    that the process is for this request alone. `run` has what it took, `parts` what came out, `differences`
    those from the reference."""

    runner: str
    call: int
    before: str
    alone: bool
    run: Run
    parts: dict[str, Part]
    differences: list[Difference] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Is it a failure: no CGI response, an HTTP status from 500 on, or an exit status other than 0?"""
        status = (self.parts[STATUS].lines or ("",))[0]
        return status.startswith("5") or self.run.status not in (0, None)

    @property
    def last_words(self) -> str:
        """The last line of stderr, else how it ended."""
        errors = self.parts.get(STDERR)
        lines = [line.strip() for line in (errors.lines if errors else None) or () if line.strip()]
        status = (self.parts[STATUS].lines or ("",))[0]
        return lines[-1] if lines else f"{status}, exit status {self.run.status}"

    @property
    def when(self) -> str:
        """Which run this was, in words."""
        if self.runner != "cgihandler":
            return ""
        if self.before:
            return f"after {self.before} in the same process"
        return f"on call {self.call} in the same process" if self.call > 1 else ""


@dataclass
class Times:
    """What the runs of one runner took: seconds until the end of the response, CPU seconds, bytes."""

    median: float
    least: float
    most: float
    cpu: float
    peak: int

    @classmethod
    def of(cls, runs: list[Run]) -> Times:
        seconds = [run.seconds for run in runs]
        return cls(
            statistics.median(seconds),
            min(seconds),
            max(seconds),
            statistics.median(run.cpu for run in runs),
            max(run.peak for run in runs),
        )


@dataclass
class CaseReport:
    """One request. `here` says that fork and cgihandler run the script in a process of theirs; `runners` are
    those that were tried, `too_slow` that the reference did not end in time, `named` the Python of the `#!`
    line where that is another, `borrowed` that the reference had our cgi, `python` what it ran under, in
    words, if that was a Python or the script's `interpreter`."""

    case: Case
    here: bool
    runners: tuple[str, ...]
    reference_runs: list[Trial] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    reference: Reference = field(init=False)
    too_slow: bool = False
    named: str = ""
    borrowed: bool = False
    python: str = ""

    def of(self, runner: str) -> list[Trial]:
        """The runs of a runner; those of "reference" too."""
        if runner == "reference":
            return self.reference_runs
        return [trial for trial in self.trials if trial.runner == runner]

    def shown(self, runner: str) -> Trial | None:
        """The run that shows best what the runner does: the first that differs, else the last."""
        trials = self.of(runner)
        return next((trial for trial in trials if trial.differences), trials[-1] if trials else None)

    def times(self, runner: str) -> Times | None:
        """Of the runs that came in a row, in a process of their own; its first call, in which a process that
        lives gets ready, does not count if there are others."""
        trials = [trial for trial in self.of(runner) if trial.alone]
        warm = [trial for trial in trials if trial.call > 1]
        runs = [trial.run for trial in warm or trials]
        return Times.of(runs) if runs else None

    def state(self, runner: str) -> str:
        """SAME, DIFFERS, UNSTABLE or FAILS."""
        trial = self.shown(runner)
        if trial and trial.differences:
            return DIFFERS
        return UNSTABLE if self.cannot_tell else FAILS if self.fails else SAME

    @property
    def fails(self) -> str:
        """Why it fails, under the reference and everywhere; or nothing."""
        trials = [*self.reference_runs, *self.trials]
        return trials[0].last_words if trials and all(trial.failed for trial in trials) else ""

    @property
    def cannot_tell(self) -> str:
        """Why not, or nothing."""
        if not self.runners:
            return ""
        if self.too_slow:
            return "the reference did not end within the time limit"
        if part := self.reference.hopeless:
            return f"its {part} varies under the reference itself"
        return ""

    @property
    def remarks(self) -> list[str]:
        """What else there is to know."""
        found = []
        if not self.here:
            found.append("not Python for our interpreter: it runs as a program of its own under every runner")
        if self.named:
            found.append(f"its #! line names {self.named}, which --reference would take")
        if self.borrowed:
            found.append("the reference's Python has no cgi: cgicompat's was on its PYTHONPATH")
        if self.reference_runs[0].failed:
            where = "everywhere" if self.fails else "under the reference"
            found.append(f"{self.case.name} fails {where}: {self.reference_runs[0].last_words}")
        if spent := self.spent:
            found.append(f"cgihandler replaces its process after the call: {spent}")
        return found

    @property
    def spent(self) -> str:
        """Why a cgihandler process is replaced after it, or nothing."""
        reasons = [trial.run.spent for trial in self.of("cgihandler")]
        return next((reason for reason in reasons if reason), "") if all(reasons) else ""

    def reason(self, runner: str) -> str:
        """How the runner differs, when, and as far as that is known why."""
        trial = self.shown(runner)
        if trial is None or not trial.differences:
            return ""
        words = [str(trial.differences[0])]
        if more := len(trial.differences) - 1:
            words.append(f"and {more} more")
        if trial.when:
            words.append(trial.when)
        if trial.run.late:
            words.append("the time limit was over")
        return ", ".join(words)


class ScriptReport:
    """All requests for one script."""

    def __init__(self, path: str, filename: str, cases: list[CaseReport], report: Report) -> None:
        self.path = path  # in the URL, as sections of cgicompat.toml have it
        self.filename = filename
        self.cases = cases
        self._report = report

    @property
    def runners(self) -> tuple[str, ...]:
        return self.cases[0].runners

    def state(self, runner: str) -> str:
        return _worst(case.state(runner) for case in self.cases)

    @property
    def same(self) -> bool:
        """Are all runners that were asked for the same as the reference?"""
        return self.state_of_all == SAME

    @property
    def state_of_all(self) -> str:
        return _worst(map(self.state, self.runners)) if self.runners else FAILS if self.fails else SAME

    @property
    def fails(self) -> str:
        """Why all requests fail everywhere, or nothing."""
        reasons = [case.fails for case in self.cases]
        return reasons[0] if all(reasons) else ""

    @property
    def verdict(self) -> str:
        """`same everywhere`, `same under RUNNERS; RUNNER differs: ...`, `differs: ...`, `fails everywhere:
        ...` or `unstable, cannot tell: ...`."""
        if self.fails and self.state_of_all == FAILS:
            return f"fails everywhere: {self.fails}"
        good = [runner for runner in self.runners if self.state(runner) == SAME]
        bad = [runner for runner in self.runners if self.state(runner) == DIFFERS]
        if bad and good:
            return f"same under {' and '.join(good)}; " + "; ".join(
                f"{runner} differs: {self.reason(runner)}" for runner in bad
            )
        if bad:
            return f"differs: {self.reason(bad[0])}"
        if UNSTABLE in map(self.state, self.runners):
            why = next(case.cannot_tell for case in self.cases if case.cannot_tell)
            return f"unstable, cannot tell: {why}"
        return "same everywhere"

    def reason(self, runner: str) -> str:
        """How the runner differs, in the first request that shows it, and what the audit says of that."""
        case = next(case for case in self.cases if case.state(runner) == DIFFERS)
        words = f"{case.case.name}: " if len(self.cases) > 1 else ""
        words += case.reason(runner)
        trial = case.shown(runner)
        if trial and trial.call > 1 and (suspects := self._suspects(case, trial)):
            words += f"; kept in the process: {'; '.join(suspects[:3])}"
        return words

    def _suspects(self, case: CaseReport, trial: Trial) -> list[str]:
        """What the audit found to stay in a process of what the script itself had changed, or, in the mixed
        runs, any script; what a script is known to have done comes before what libraries keep."""
        cases = [other for other in ([case] if trial.alone else self._report.cases) if not other.spent]
        kept = dict.fromkeys(leak for other in cases for leak in other.leaks if leak.fate == KEPT)
        ordered = sorted(kept, key=lambda leak: self._report.directory not in leak.where)
        return [f"{leak.what}{' at ' if leak.where else ''}{leak.where}" for leak in ordered]

    @property
    def leaks(self) -> list[Leak]:
        return list(dict.fromkeys(leak for case in self.cases for leak in case.leaks))

    @property
    def remarks(self) -> list[str]:
        found = dict.fromkeys(remark for case in self.cases for remark in case.remarks)
        return [remark for remark in found if not (self.fails and remark.endswith(self.verdict))]

    @property
    def best(self) -> str:
        """The fastest runner that is safe, or nothing: a runner that differs, or of which nothing can be
        told, is none. Plain CGI is safe where it is the reference."""
        if not self.runners or self.state_of_all == FAILS:
            return ""
        safe = [runner for runner in ("cgihandler", "fork", "cgi") if runner in self.runners]
        safe = [runner for runner in safe if self.state(runner) == SAME]
        if "cgi" not in self.runners and self._report.options.plain and self.state_of_all != UNSTABLE:
            safe.append("cgi")
        if "fork" in safe and all(case.spent for case in self.cases):
            safe = [
                runner for runner in safe if runner != "cgihandler"
            ]  # a process for each call too, with more to do
        best = ""
        for runner in safe:
            if not best or self._slowness(runner) * _MUCH < self._slowness(best):
                best = runner
        return best

    def _slowness(self, runner: str) -> float:
        name = "reference" if runner == "cgi" and runner not in self.runners else runner
        return sum(times.median for case in self.cases if (times := case.times(name)))

    @property
    def section(self) -> str:
        """What to put into cgicompat.toml, or nothing."""
        return f'[script."{self.path}"]\nrunner = "{self.best}"\n' if self.best else ""


def _worst(states: Iterable[str]) -> str:
    """The state that counts; what fails counts where nothing else does."""
    found = {*states}
    return next(state for state in (DIFFERS, UNSTABLE, SAME, FAILS) if state in found)


class Report:
    """A comparison."""

    def __init__(
        self,
        directory: str,
        options: Options,
        cases: list[CaseReport],
        remarks: list[str],
        began: float,
        seconds: float,
    ) -> None:
        self.directory = directory
        self.options = options
        self.cases = cases
        self.remarks = remarks
        self.began = began
        self.seconds = seconds
        self.python = platform.python_version()
        by_script: dict[str, list[CaseReport]] = {}
        for case in cases:
            by_script.setdefault(case.case.script, []).append(case)
        self.scripts = [
            ScriptReport(filename.removeprefix(directory.rstrip("/")), filename, found, self)
            for filename, found in by_script.items()
        ]

    @property
    def same(self) -> bool:
        """Are all runners the same for all scripts?"""
        return all(script.same for script in self.scripts)

    @property
    def reference(self) -> str:
        """What the reference is, in words."""
        options = self.options
        ours = f"the cgi runner, Python {self.python}" if options.reference == OURS else ""
        pythons = dict.fromkeys(case.python for case in self.cases if case.python)
        name = options.url or ours or options.reference or ", ".join(["plain CGI", *pythons])
        return f"{name}, with {options.original}" if options.original else name

    def as_json(self) -> dict[str, Any]:
        """The schema in docs/compare.md."""
        return {
            "format": FORMAT,
            "version": __version__,
            "python": self.python,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "seconds": round(self.seconds, 3),
            "directory": self.directory,
            "reference": self.reference,
            "same": self.same,
            "remarks": self.remarks,
            "scripts": [_script_as_json(script) for script in self.scripts],
        }


def _script_as_json(script: ScriptReport) -> dict[str, Any]:
    return {
        "path": script.path,
        "file": script.filename,
        "verdict": script.verdict,
        "same": script.same,
        "runners": {runner: script.state(runner) for runner in script.runners},
        "best": script.best or None,
        "section": script.section or None,
        "remarks": script.remarks,
        "leaks": [leak._asdict() for leak in script.leaks],
        "requests": [_case_as_json(case) for case in script.cases],
    }


def _case_as_json(case: CaseReport) -> dict[str, Any]:
    return {
        "name": case.case.name,
        "unstable": case.reference.unstable,
        "cannot_tell": case.cannot_tell or None,
        "runners": {
            runner: {
                "state": case.state(runner) if runner != "reference" else SAME,
                "times": _times_as_json(case.times(runner)),
                "runs": [_trial_as_json(trial) for trial in case.of(runner)],
            }
            for runner in ("reference", *case.runners)
        },
    }


def _times_as_json(times: Times | None) -> dict[str, float] | None:
    if times is None:
        return None
    seconds = {name: round(getattr(times, name), 6) for name in ("median", "least", "most", "cpu")}
    return {**seconds, "peak": times.peak}


def _trial_as_json(trial: Trial) -> dict[str, Any]:
    run = trial.run
    return {
        "call": trial.call,
        "after": trial.before or None,
        "alone": trial.alone,
        "status": run.status,
        "seconds": round(run.seconds, 6),
        "spent": run.spent or None,
        "differences": [
            {"part": difference.part, "text": difference.text} for difference in trial.differences
        ],
    }
