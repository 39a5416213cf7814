"""Where runs take place: a lab, a working copy that it sees in the place of the original, and a clock.

A Bench belongs to one directory. It gives Processes, each a child of the lab with a runner; a Process runs
cases until it is spent. Output and stderr are read here while the script runs, and here is the clock: a
script that takes too long is warned, then ended, as the master of a pool does it.
"""

from __future__ import annotations

import contextlib
import errno
import marshal
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from types import TracebackType
from typing import Any

from cgicompat import bare
from cgicompat.compare import lab as protocol
from cgicompat.compare.case import Case, CompareError, Options, Run
from cgicompat.compare.cell import UNAVAILABLE
from cgicompat.compare.copies import Copy, remove
from cgicompat.config import Settings
from cgicompat.guards.change import Change
from cgicompat.runners.script import INTERPRETER, kind

_PIPE = 64 * 1024  # what a pipe takes without a reader (pipe(7))
_KEPT = 32 << 20  # bytes of output of one run; of more, only the beginning counts
# Seconds, as the pool's master has them.
_STEP = 0.3
_CGI_LATER = 2.0
_WAY_BACK = 60.0  # seconds
_CELL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cell.py")


class Bench:
    """A place to run scripts of `settings.directory`. `original` (file or directory) is what the reference
    has in place of `scripts`, absolute file names. Raises CompareError."""

    def __init__(
        self, settings: Settings, options: Options, original: str = "", scripts: tuple[str, ...] = ()
    ) -> None:
        self._settings = settings
        self._options = options
        self._seen = settings.directory  # where scripts see it
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._programs: dict[str, int] = {}
        self._home = _new_directory(settings.directory)
        self.copy: Copy | None = None
        self.temporary: Copy | None = None
        self.remarks: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._engine: socket.socket | None = None
        try:
            self._make_copies(original, scripts)
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the lab and whatever scripts have left running, and remove the copies."""
        if self._engine:
            self._engine.close()
        if self._process:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        remove(self._home)

    def process(self, runner: str, interpreter: str = "", audit: bool = False) -> Process:
        """A new process for the runner; `audit` has it told what scripts change."""
        return Process(self, runner, self._program(interpreter), audit)

    def _make_copies(self, original: str, scripts: tuple[str, ...]) -> None:
        directory, instead = self._settings.directory, {}
        if os.path.isdir(original):
            directory = os.path.realpath(original)
        elif original:
            instead = {os.path.relpath(script, directory): os.path.abspath(original) for script in scripts}
        if self._options.in_place:
            return
        limit = self._options.copy_limit
        try:
            self.copy = Copy(os.path.join(self._home, "copy"), directory, limit, instead)
            self.temporary = Copy(os.path.join(self._home, "tmp"), None)
        except OSError as error:
            raise CompareError(f"cannot copy {directory}: {error.strerror}: {error.filename}") from None
        if self.copy.left_out:
            names = ", ".join(self.copy.left_out[:3])
            self.remarks.append(
                f"{len(self.copy.left_out)} files could not be read and are not in the copies: {names}"
            )

    def _start(self) -> None:
        """With the copy at the path of the original if the system allows that, else at its own."""
        settings = self._settings
        if self.temporary:
            settings = settings.but(env={"TMPDIR": self.temporary.path, **settings.env})
        if self.copy:
            copy = self.copy.path
            if self._launch(settings, [INTERPRETER, "-I", "-S", _CELL, settings.directory, copy]):
                return
            self._seen = copy
            settings = settings.but(directory=copy)
            self.remarks.append(
                "the system grants no mount name space: scripts saw their copies at another path"
            )
        if not self._launch(settings, []):
            raise CompareError("the process that runs the scripts does not start")

    def _launch(self, settings: Settings, prefix: list[str]) -> bool:
        self._engine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        temporary = os.path.join(self._home, "lab")
        os.makedirs(temporary, exist_ok=True)
        with theirs:
            state = {"lab": theirs.fileno(), "temporary": temporary}
            self._process = bare.start(
                protocol.__name__,
                settings,
                state,
                [theirs.fileno()],
                prefix=prefix,
                stdout=subprocess.DEVNULL,
            )
        hello = self._engine.recv(protocol.SIZE)
        where = self.copy.path if self.copy else settings.directory
        about = os.stat(where)
        device, inode, reason = marshal.loads(hello) if hello else (0, 0, "")
        if (device, inode) == (about.st_dev, about.st_ino):
            if reason:
                self.remarks.append(f"memory cannot be put back here: cgihandler goes by guards ({reason})")
            return True
        self._engine.close()
        code = self._process.wait()
        if prefix and code not in (UNAVAILABLE, 0):
            raise CompareError("the process that runs the scripts does not start")
        return False

    def _program(self, interpreter: str) -> str:
        """A file to execute for an interpreter, or for a command with arguments."""
        words = shlex.split(interpreter)
        if words:
            found = shutil.which(words[0])
            if found is None:
                raise CompareError(f"--reference {interpreter}: there is no program {words[0]}")
            words[0] = os.path.abspath(found)
        if len(words) > 1:
            number = self._programs.setdefault(interpreter, len(self._programs))
            file = os.path.join(self._home, f"interpreter-{number}")
            with open(file, "w") as script:
                script.write(f'#!/bin/sh\nunset PWD OLDPWD SHLVL _\nexec {shlex.join(words)} "$@"\n')
            os.chmod(file, 0o700)
            return file
        return words[0] if words else ""

    # For Process

    def timeout(self, script: str) -> float:
        """Seconds that a script may take."""
        return self._settings.for_script(script).timeout

    def path(self, script: str) -> str:
        """Where the lab sees a script."""
        if script.startswith(self._settings.directory + "/"):
            return self._seen + script.removeprefix(self._settings.directory)
        return script

    def seen(self, environ: dict[str, str]) -> dict[str, str]:
        """The variables with the paths at which the lab sees the files."""
        if self._seen == self._settings.directory:
            return environ
        return {
            name: self._seen + value.removeprefix(self._settings.directory)
            if value == self._settings.directory or value.startswith(self._settings.directory + "/")
            else value
            for name, value in environ.items()
        }

    def as_original(self, data: bytes) -> bytes:
        """Output with the original's path in place of the copy's."""
        if self._seen == self._settings.directory:
            return data
        return data.replace(os.fsencode(self._seen), os.fsencode(self._settings.directory))

    def fork(self, runner: str, channel: socket.socket, errors: int) -> int:
        """Have the lab fork a child for a runner; its pid."""
        assert self._engine
        socket.send_fds(self._engine, [marshal.dumps((protocol.FORK, runner))], [channel.fileno(), errors])
        return int(self.wait_for(protocol.FORKED)[1])

    def kill(self, pid: int, number: int) -> None:
        assert self._engine
        self._engine.send(marshal.dumps((protocol.KILL, pid, int(number))))

    def wait_for(self, kind: str, pid: int | None = None) -> tuple[Any, ...]:
        """The lab's next message of a kind, about `pid`."""
        assert self._engine
        while True:
            for message in self._waiting:
                if message[0] == kind and pid in (None, message[1]):
                    self._waiting.remove(message)
                    return message
            data = self._engine.recv(protocol.SIZE)
            if not data:
                raise CompareError("the process that runs the scripts has died")
            self._waiting.append(marshal.loads(data))


class Process:
    """A child of the lab that runs cases with one runner."""

    def __init__(self, bench: Bench, runner: str, interpreter: str, audit: bool) -> None:
        self.runner = runner
        self.calls = 0  # of this very process
        self._bench = bench
        self._interpreter = interpreter
        self._audit = audit
        self._pid = 0

    def run(self, case: Case) -> Run:
        """Run a case, in a new process if there is none that can; files are put back before and looked at
        after it."""
        bench = self._bench
        for copy in (bench.copy, bench.temporary):
            if copy:
                copy.restore()
        if self._pid and select.select([self._channel], [], [], 0)[0]:
            self.close()  # it died while it had nothing to do
        if not self._pid:
            self._start()
        run = self._ask(case)
        for prefix, copy in (("", bench.copy), ("$TMPDIR/", bench.temporary)):
            if copy:
                run.files.update((prefix + name, content) for name, content in copy.changes().items())
        return run

    def close(self) -> None:
        """End the process."""
        if self._pid:
            self._channel.close()
            self._bench.wait_for(protocol.ENDED, self._pid)
            self._errors.close()
            self._pid = 0

    def _start(self) -> None:
        self.calls = 0
        self._channel, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reader, errors = os.pipe()
        os.set_blocking(reader, False)
        self._errors = open(reader, "rb", buffering=0)
        with channel:
            self._pid = self._bench.fork(self.runner, channel, errors)
        os.close(errors)

    def _ask(self, case: Case) -> Run:
        self.calls += 1
        run = Run()
        output, theirs = socket.socketpair()
        with output:
            output.send(b"\n")  # the byte past the body: see request.take_further_byte
            with theirs, _body(case.body) as body:
                script = self._bench.path(case.script)
                environ = self._bench.seen(case.environ)
                begun = time.perf_counter()
                job = (self.runner, script, environ, self._audit, self._interpreter)
                socket.send_fds(self._channel, [marshal.dumps(job)], [theirs.fileno(), body])
            limit = self._bench.timeout(case.script)
            outcome = self._follow(output, run, begun, limit)
        self._conclude(run, outcome)
        lines = self._bench.as_original(run.errors).splitlines(keepends=True)
        run.remarks = tuple(
            line.decode("utf-8", "replace").removeprefix("cgicompat: ").strip()
            for line in lines
            if line.startswith(b"cgicompat: ")
        )
        run.late = run.late or any(remark.startswith("time limit ") for remark in run.remarks)
        run.errors = b"".join(line for line in lines if not line.startswith(b"cgicompat: "))
        run.output = self._bench.as_original(run.output)
        return run

    def _follow(self, output: socket.socket, run: Run, begun: float, limit: float) -> tuple[Any, ...] | None:
        """Read all that the script says until it has ended; what the runner says of it, if it can."""
        deadline = time.perf_counter() + limit + (_CGI_LATER if self.runner == "cgi" else 0)
        steps = [signal.SIGXCPU, signal.SIGTERM, signal.SIGKILL]
        outcome = None
        poll = select.poll()
        for source in (output, self._errors, self._channel):
            poll.register(source, select.POLLIN)
        open_ends = {output.fileno(), self._channel.fileno()}
        while open_ends:
            for fd, _ in poll.poll(max(0.0, deadline - time.perf_counter()) * 1000 + 1):
                if fd == self._errors.fileno():
                    if not _read_errors(fd, run):
                        poll.unregister(fd)
                elif fd == self._channel.fileno():
                    outcome = _receive(self._channel)
                    open_ends.discard(fd)
                    poll.unregister(fd)
                    if output.fileno() in open_ends and outcome:
                        deadline = time.perf_counter() + 0.2  # a child of the script may hold it open
                        steps = []
                elif not _read_output(output, run):
                    run.seconds = time.perf_counter() - begun
                    open_ends.discard(fd)
                    poll.unregister(fd)
            if time.perf_counter() >= deadline:
                if not steps:
                    break
                run.late = True
                self._bench.kill(self._pid, steps.pop(0))
                deadline = time.perf_counter() + (_STEP if steps else 3600)
        _read_errors(self._errors.fileno(), run)
        run.seconds = run.seconds or time.perf_counter() - begun
        return outcome

    def _conclude(self, run: Run, outcome: tuple[Any, ...] | None) -> None:
        if outcome:
            run.status, run.spent, changes, run.cpu, run.peak, by_memory = outcome
            run.changes = [Change(*change) for change in changes]
            if by_memory:
                run.spent = _spent(self._channel)
        if outcome is None or run.spent is not None or self.runner != "cgihandler":
            _, _, code, cpu = self._bench.wait_for(protocol.ENDED, self._pid)
            if outcome is None:
                run.status = code if code >= 0 else 128 - code
                run.spent = "its process has ended" if self.runner == "cgihandler" else None
            if self.runner != "cgihandler":
                run.cpu = cpu
            _read_errors(self._errors.fileno(), run)
            self._channel.close()
            self._errors.close()
            self._pid = 0


def _new_directory(apart_from: str) -> str:
    """A temporary directory that is not in the one that is copied. Raises CompareError."""
    for parent in (tempfile.gettempdir(), "/var/tmp", os.path.dirname(apart_from)):
        if not os.path.join(os.path.realpath(parent), "").startswith(os.path.join(apart_from, "")):
            with contextlib.suppress(OSError):
                return tempfile.mkdtemp(prefix="cgicompat-compare-", dir=parent)
    raise CompareError(f"no place for a copy outside of {apart_from}: name one by TMPDIR")


@contextlib.contextmanager
def _body(data: bytes) -> Any:
    """An fd to read `data` from, of the kind that a pool would give a script."""
    if not data:
        reader = os.open(os.devnull, os.O_RDONLY)
    elif len(data) <= _PIPE:
        reader, writer = os.pipe()
        os.write(writer, data)
        os.close(writer)
    else:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            reader = os.dup(file.fileno())
    try:
        yield reader
    finally:
        os.close(reader)


def _receive(channel: socket.socket) -> tuple[Any, ...] | None:
    """What a child says of a run; None where it has died."""
    try:
        data = channel.recv(protocol.SIZE)
    except ConnectionResetError:
        return None
    return tuple(marshal.loads(data)) if data else None


def _spent(channel: socket.socket) -> str | None:
    """Why a child is spent whose memory is to be put back, None if it is not."""
    if not select.select([channel], [], [], _WAY_BACK)[0]:
        raise CompareError('a process does not put its memory back: choose put-back = "guards"')
    try:
        data = channel.recv(protocol.SIZE)
    except ConnectionResetError:
        data = b""
    if data == protocol.BACK:
        return None
    return data.removeprefix(protocol.SPENT).decode("utf-8", "replace") or "its process has ended"


def _read_output(output: socket.socket, run: Run) -> bool:
    try:
        data = output.recv(1 << 20)
    except OSError as error:
        run.reset = error.errno == errno.ECONNRESET
        return False
    run.output += data[: max(0, _KEPT - len(run.output))]
    return bool(data)


def _read_errors(fd: int, run: Run) -> bool:
    """Read what is there; False at the end."""
    while True:
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return True
        if not data:
            return False
        run.errors += data[: max(0, _KEPT - len(run.errors))]


def runs_here(settings: Settings, script: str) -> bool:
    """Whether fork and cgihandler run the script themselves, and not a program. Raises CompareError."""
    return is_python(settings, script) and kind(script).here


def is_python(settings: Settings, script: str) -> bool:
    """Whether it is a Python script, and none that is for another interpreter. Raises CompareError."""
    try:
        return settings.for_script(script).interpreter is None and kind(script).python
    except OSError as error:
        raise CompareError(f"{script}: {error.strerror}") from None
