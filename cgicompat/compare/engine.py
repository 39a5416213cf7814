"""The comparison itself: which runs take place, in which order, and what is made of them.

Each request runs several times in a row, reference and runners by turns, so that whatever goes by the clock
goes by in all of them. What lives on (cgihandler) has a fresh process for each request, to show what a
request does to its own next call; then all requests share one process, there and back again, to show
what they do to each other. A last process, under audit, tells what scripts change. Where something differs,
the reference runs again, later, before that counts: a second hand must have moved.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from cgicompat.compare import answer, live, plain
from cgicompat.compare.answer import STDERR, Part
from cgicompat.compare.bench import Bench, Process, is_python, runs_here
from cgicompat.compare.case import OURS, Case, CompareError, Options, Run
from cgicompat.compare.difference import Reference
from cgicompat.compare.report import CaseReport, Leak, Report, Trial
from cgicompat.config import Settings

_AGAIN = 5  # more runs of the reference before a difference counts
_APART = 1.2  # seconds since its first

Progress = Callable[[int, int, str], None]  # runs done, runs to do at least, what is being done


def compare(
    settings: Settings,
    cases: list[Case],
    options: Options | None = None,
    progress: Progress = lambda done, total, what: None,
) -> Report:
    """Runs every case under the reference and under the runners. Takes seconds, and blocks. Raises
    CompareError."""
    options = options or Options()
    if not cases:
        raise CompareError("there is nothing to compare: no script was found")
    if options.original and options.in_place:
        raise CompareError("--original needs copies, so --in-place excludes it")
    if os.path.isfile(options.original) and len({case.script for case in cases}) > 1:
        raise CompareError("--original FILE stands for one script; name that, or a directory for many")
    if options.url:
        cases = [live.as_there(case, options.url) for case in cases]
    began = time.time()
    try:
        ignored = [re.compile(pattern) for pattern in options.ignore]
    except re.error as error:
        raise CompareError(f"--ignore {error.pattern!r}: {error}") from None
    with ExitStack() as stack:
        work = _Work(settings, cases, options, progress, stack)
        work.each_by_itself()
        work.all_together()
        work.audited()
        for round in work.rounds:
            round.judge(ignored)
        work.again(ignored)
        work.like_the_reference(ignored)
        return Report(
            directory=settings.directory,
            options=options,
            cases=[round.report for round in work.rounds],
            remarks=work.remarks,
            began=began,
            seconds=time.time() - began,
        )


class _Round:
    """All that belongs to one case."""

    def __init__(self, case: Case, report: CaseReport, options: Options) -> None:
        self.case = case
        self.report = report
        self.first_asked = 0.0
        self.program = ""  # that runs the reference, where it is not our runner
        self.plain = False  # whether that is plain CGI
        self._options = options
        self._shared: dict[Part, Part] = {}

    def keep(self, parts: dict[str, Part]) -> dict[str, Part]:
        """Equal parts of many runs take the room of one."""
        return {name: self._shared.setdefault(part, part) for name, part in parts.items()}

    def judge(self, ignored: list[re.Pattern[str]]) -> None:
        report, options = self.report, self._options
        if options.url:
            ours, theirs = ([one.parts for one in of] for of in (report.trials, report.reference_runs))
            live.level(ours, theirs, self.case.environ.get("REQUEST_METHOD", "GET"))
        but: tuple[str, ...] = ()
        if not options.plain:
            but = (STDERR,)  # another Python has other warnings
        if options.in_place:
            but = (*but, "files")
        report.reference = Reference([trial.parts for trial in report.reference_runs], ignored, but)
        for trial in report.trials:
            trial.differences = report.reference.differences(trial.parts)


class _Work:
    def __init__(
        self, settings: Settings, cases: list[Case], options: Options, progress: Progress, stack: ExitStack
    ) -> None:
        self._settings = settings
        self._options = options
        self._progress = progress
        self._done = 0
        self.remarks: list[str] = []
        self.rounds: list[_Round] = []
        for case in cases:
            here = runs_here(settings, case.script)
            python = is_python(settings, case.script)
            runners = options.candidates if here else ("cgi",) if python or not options.plain else ()
            self.rounds.append(_Round(case, CaseReport(case, here, runners), options))
            self._choose(self.rounds[-1], python)
        self._bench = stack.enter_context(Bench(settings, options))
        self._reference_bench = self._bench
        if options.original:
            scripts = tuple(dict.fromkeys(case.script for case in cases))
            self._reference_bench = stack.enter_context(Bench(settings, options, options.original, scripts))
        self.remarks += self._bench.remarks
        self._expected_runs = self._count()

    def _count(self) -> int:
        rounds = self.rounds
        total = sum(self._options.repeat * (1 + len(round.report.runners)) for round in rounds)
        living = sum("cgihandler" in round.report.runners for round in rounds)
        return total + living + (2 * living if living > 1 else 0)

    # The runs

    def each_by_itself(self) -> None:
        for round in self.rounds:
            processes = {name: self._bench.process(name) for name in round.report.runners}
            for _ in range(self._options.repeat):
                if not self._ask_reference(round):
                    break
                for process in processes.values():
                    self._try(round, process)
            for process in processes.values():
                process.close()

    def all_together(self) -> None:
        """There, and back again: each request comes after another one, and once after itself."""
        living = [round for round in self.rounds if "cgihandler" in round.report.runners]
        if len(living) < 2:
            return
        process = self._bench.process("cgihandler")
        before = ""
        for round in [*living, *reversed(living)]:
            if not round.report.too_slow:
                self._try(round, process, before, alone=False)
                before = round.case.name
        process.close()

    def audited(self) -> None:
        process = self._bench.process("cgihandler", audit=True)
        for round in self.rounds:
            if "cgihandler" in round.report.runners and not round.report.too_slow:
                run = self._run(round, process)
                leaks = [Leak(change.what, change.fate, change.where) for change in run.changes]
                round.report.leaks = list(dict.fromkeys(leaks))
        process.close()

    def again(self, ignored: list[re.Pattern[str]]) -> None:
        """Differences that are none, since the reference itself varies."""
        doubtful = [
            round
            for round in self.rounds
            if any(trial.differences for trial in round.report.trials) and not round.report.too_slow
        ]
        if not doubtful:
            return
        time.sleep(max(0.0, max(round.first_asked for round in doubtful) + _APART - time.monotonic()))
        self._expected_runs += _AGAIN * len(doubtful)
        for _ in range(_AGAIN):
            for round in doubtful:
                self._ask_reference(round)
        for round in doubtful:
            round.judge(ignored)

    def like_the_reference(self, ignored: list[re.Pattern[str]]) -> None:
        """A reference that has our cgi module by PYTHONPATH is not what the runner cgi is: a Python that a
        script starts has it too. So that runner is asked before anybody relies on it."""
        differ = {
            round.case.script
            for round in self.rounds
            if round.report.borrowed and any(trial.differences for trial in round.report.trials)
        }
        rounds = [
            round
            for round in self.rounds
            if round.case.script in differ and "cgi" not in round.report.runners
        ]
        self._expected_runs += self._options.repeat * len(rounds)
        for round in rounds:
            round.report.runners = ("cgi", *round.report.runners)
            process = self._bench.process("cgi")
            for _ in range(self._options.repeat if not round.report.too_slow else 0):
                self._try(round, process)
            process.close()
            round.judge(ignored)

    def _ask_reference(self, round: _Round) -> bool:
        """Whether it answered in time."""
        round.first_asked = round.first_asked or time.monotonic()
        if self._options.url:
            self._tell(round, "the live server")
            begun = time.perf_counter()
            found = live.ask(self._options.url, round.case, self._settings.timeout, self._options.unsafe)
            run = Run(output=found.body, seconds=time.perf_counter() - begun)
            parts = answer.response_parts(found)
        else:
            run = self._run_reference(round)
            if round.plain and not round.report.reference_runs and plain.lacks_cgi(run.errors):
                round.report.borrowed = True
                run = self._run_reference(round)
            if round.plain:
                run.errors = plain.without_warnings(run.errors)
            if round.report.borrowed:
                run.output = plain.without_path(run.output)
            parts = answer.parts(run, round.case.nph)
        trial = Trial("reference", 1, "", True, _small(run), round.keep(parts))
        round.report.reference_runs.append(trial)
        round.report.too_slow = run.late
        return not run.late

    def _choose(self, round: _Round, python: bool) -> None:
        """What runs the reference: a Python runs no Perl."""
        program = self._options.reference
        script = self._original(round.case.script)
        told = self._settings.for_script(round.case.script).interpreter
        if not program and told is None and is_python(self._settings, script):
            round.plain = True
            round.program, round.report.named = plain.program(script)
            round.report.python = plain.python(script)
        elif program != OURS and (python or "python" not in os.path.basename(program.partition(" ")[0])):
            round.program = program
            round.report.python = told or ""

    def _original(self, script: str) -> str:
        """The file that the reference runs for a script."""
        original = self._options.original
        if not os.path.isdir(original):
            return original or script
        found = os.path.join(original, os.path.relpath(script, self._settings.directory))
        return found if os.path.isfile(found) else script

    def _run_reference(self, round: _Round) -> Run:
        process = self._reference_bench.process("cgi", round.program)
        borrowed = plain.with_cgi(round.case.environ) if round.report.borrowed else None
        run = self._run(round, process, "the reference", borrowed)
        process.close()
        return run

    def _try(self, round: _Round, process: Process, before: str = "", alone: bool = True) -> None:
        run = self._run(round, process)
        parts = round.keep(answer.parts(run, round.case.nph))
        round.report.trials.append(Trial(process.runner, process.calls, before, alone, _small(run), parts))

    def _run(
        self, round: _Round, process: Process, what: str = "", environ: dict[str, str] | None = None
    ) -> Run:
        self._tell(round, what or process.runner)
        try:
            return process.run(replace(round.case, environ=environ) if environ else round.case)
        except (CompareError, OSError) as error:
            raise CompareError(f"{round.case.name}, under {process.runner}: {error}") from None

    def _tell(self, round: _Round, what: str) -> None:
        self._progress(self._done, max(self._done + 1, self._expected_runs), f"{round.case.name}: {what}")
        self._done += 1


def _small(run: Run) -> Run:
    """Without what its parts have."""
    return replace(run, output=b"", errors=b"", files={})
