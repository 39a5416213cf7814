"""The master: owns the socket, forks workers ahead, reaps them, keeps time, and never runs a script.

It is single-threaded and small, since each fork copies it: a loop around poll(), woken by signals, by
workers' messages and by what scripts write to stderr. All that workers do is on the board; the master acts on
that and on the exit of processes. Workers take connections themselves. Only where none is idle does the
master look at the socket: it forks more workers where they are of use. Where it may not, and no worker has
been free for a while, it queues the connections and hands them to the next idle workers.

Here is the loop, and what follows from what. The parts can be read alone: `crew` has the workers, `waiting`
the connections, `learning` what children are born with, `files` what is loaded, `reload` what the next master
begins with.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

from cgicompat import dependencies
from cgicompat.descriptors import PRIVATE, keep, note_inherited
from cgicompat.modules import CODE, LIBRARY
from cgicompat.pool import filelimit, messages, reload, tidy
from cgicompat.pool.board import BUSY, IDLE, STARTING, Board
from cgicompat.pool.crew import Crew
from cgicompat.pool.crowding import JUST_BEGUN, crowded
from cgicompat.pool.errand import Errands
from cgicompat.pool.files import Files
from cgicompat.pool.intake import Intake, unnamed_file
from cgicompat.pool.learning import Learning
from cgicompat.pool.log import Log
from cgicompat.pool.loop import Loop
from cgicompat.pool.putback import PutBack
from cgicompat.pool.rehearsal import rehearse
from cgicompat.pool.rules import Rules
from cgicompat.pool.verdicts import Verdicts
from cgicompat.pool.waiting import WaitingLine
from cgicompat.pool.worker import Context, Job
from cgicompat.runners import here, shell
from cgicompat.stdio import STREAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cgicompat.config import Settings
    from cgicompat.pool.record import Recorder
    from cgicompat.pool.reload import State

# Seconds.
_TICK = 0.25
_CHECK_FILES = 1.0
_KEEP_SPARE = 10.0  # how long an idle worker above the minimum is kept
_LOOK_AGAIN = 0.002
_OUTAGE = 1.0  # until the system may have what it has not now
_MOST_MESSAGES = 1000  # at a time
_MOST_TOLD = 1000
_LONGEST_REASON = 500  # characters


def main(settings: Settings, state: State, bare: frozenset[str]) -> NoReturn:
    """Be the master of a pool: see Master."""
    Master(settings, state, bare).run()


class Master:
    """A pool of workers behind one listening socket; `state` is what it begins with, see reload.State."""

    def __init__(self, settings: Settings, state: State, bare: frozenset[str]):
        self._settings = settings
        self._state = state
        self._stopping = 0
        self._stop_at = 0.0
        self._look_after = self._renew_after = 0.0
        self._spare_since = self._checked_files = time.monotonic()
        self._told: set[str] = set()
        self._log = Log()
        self._loop = Loop()
        self._files = Files()

        note_inherited(reload.descriptors(state))
        state.setdefault("soft_limit", filelimit.raise_for(settings))
        state["lock"] = keep(state["lock"], private=True)
        self._listener = socket.socket(fileno=keep(state["listener"]))
        self._listener.setblocking(False)
        self._open_board()
        # Workers of a former self may have sent what it did not read any more.
        self._messages = self._pair(*state.get("messages", ()))
        self._loop.watch(self._messages[0].fileno(), self._on_messages)
        reader, writer = os.pipe()
        lifeline, lifeline_writer = keep(reader), keep(writer, private=True)
        self._handle_signals()
        if state["parent"] is not None:
            state["parent"] = keep(state["parent"], private=True)
            self._loop.watch(state["parent"], self._on_orphaned, 0)

        STREAMS.renew()  # before libraries take hold of sys.stdout
        dependencies.obey(settings)
        dependencies.hidden()  # for all children
        LIBRARY.configure(bare, sys.path, [settings.directory])
        CODE.keep()
        recorder: Recorder | None = None
        if settings.record:
            from cgicompat.pool.record import Recorder

            recorder = Recorder(settings, state["temporary"])
        self._put_back = PutBack(settings, self._log)
        self._line = WaitingLine(settings, self._board, self._log, state.get("queue", ()))
        self._context = Context(
            settings,
            Intake(settings, dict(os.environ), state["temporary"]),
            self._board,
            self._listener,
            self._line.workers_end,
            self._messages[1],
            lifeline,
            tidy.Traces(state["socket_file"], state["temporary"]),
            recorder,
            state["soft_limit"],
            self._put_back,
        )
        self._crew = Crew(self._context, self._log, self._loop, lifeline_writer, self._on_messages)
        rehearse(self._context, state["temporary"])
        rules = Rules(settings, dict(os.environ))
        self._errands = Errands(self._loop, self._crew.others)
        self._verdicts = Verdicts(settings, rules, state.get("verdicts"))
        self._learning = Learning(self._log, self._files, self._errands, self._context, rules, self._verdicts)
        self._crew.adopt(state.get("workers", ()))
        if recorder:
            self._start(recorder)
        if settings.config and state["argv"]:
            self._files.watch(settings.config)
        self._learning.preload(settings.preload)
        if "workers" not in state:
            self._introduce()

    def _introduce(self) -> None:
        """Say what runs here, and where; a pool of somebody's own only what that cannot know."""
        settings, (low, high) = self._settings, self._settings.workers
        words = [self._put_back.chosen]
        if self._state["argv"]:
            workers = f"{low}" if low == high else f"{low} to {high}"
            where = f"{settings.directory} at {settings.socket}"
            words = [f"{where}: runner {settings.runner}, {workers} workers", *words]
        if text := ", ".join(filter(None, words)):
            self._log.write(text)

    def _pair(self, *inherited: int) -> tuple[socket.socket, socket.socket]:
        ends = []
        new = inherited or (end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
        for end, private in zip(new, (True, False), strict=True):
            moved = socket.socket(fileno=keep(end, private))
            moved.setblocking(False)
            ends.append(moved)
        return ends[0], ends[1]

    def _open_board(self) -> None:
        board = self._state.get("board")
        if board is None:
            board = unnamed_file(self._state["temporary"])
        os.ftruncate(board, Board.SIZE)
        self._state["board"] = keep(board, private=True)
        self._board = Board(self._state["board"])
        if self._board.copy >= 0:
            PRIVATE.add(self._board.copy)

    def _handle_signals(self) -> None:
        """Signals wake the loop, even those that come just before it waits."""
        reader, writer = (keep(fd, private=True) for fd in os.pipe())
        for fd in (reader, writer):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._loop.watch(reader, lambda: self._on_signals(os.read(reader, 4096)))
        for number in tidy.SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, tidy.SIGNALS)
        here.handle_signals(os.getpid())
        shell.install()

    def _start(self, recorder: Recorder) -> None:
        if recorder.start():
            self._crew.others[recorder.pid] = recorder.ended

    # The loop

    def run(self) -> NoReturn:
        """Serve until told to stop; the process ends here."""
        while True:
            self._balance()
            self._loop.wait(self._patience())
            self._keep_time()
            if self._stopping and not self._crew:
                self._finish()

    def _patience(self) -> float:
        busy = self._board.count(BUSY) or self._line.active or self._stopping or self._crew.fork_after
        now = time.monotonic()
        due = min(self._crew.next_due, self._errands.next_due, self._log.due)
        if self._learning.news:
            due = min(due, self._put_back.due)
        patience = min(_TICK if busy else _CHECK_FILES, due - now)
        if self._look_after > now:
            patience = min(patience, self._look_after - now)
        return max(0.0, patience)

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGCHLD in numbers:
            self._crew.reap()
            if self._crew.has_lost and not self._stopping:
                self._crew.has_lost = False
                self._line.take_back()  # what was on its way to the one that has left
                self._accept()
        if signal.SIGHUP in numbers and not self._stopping:
            self._reload()
        for number in numbers:
            if number == signal.SIGTERM:
                self._stop()
            elif number == signal.SIGINT:
                self._stop(at_once=self._stopping > 0)

    def _on_orphaned(self) -> None:
        assert self._state["parent"] is not None
        self._loop.forget(self._state["parent"])
        self._stop()

    def _on_messages(self) -> None:
        for _ in range(_MOST_MESSAGES):
            try:
                message, fds, _, _ = socket.recv_fds(self._messages[0], 256 * 1024, 2)
            except BlockingIOError:
                return
            kind, data = message[:1], message[1:]
            if kind == messages.JOB and len(fds) == 2:
                self._crew.fork(Job(data, *fds))
            elif kind == messages.LEARNED:
                self._learning.hear_modules(messages.texts(data))
            elif kind == messages.LOADED:
                self._learning.hear_files(messages.texts(data))
            elif kind == messages.COMPILED:
                self._learning.hear_code(messages.texts(data))
            elif kind == messages.SPENT:
                self._on_spent(data)
            elif kind == messages.FINE:
                self._put_back.fine(data.decode("utf-8", "surrogateescape"))
            elif kind == messages.UNABLE:
                self._put_back.give_up(data.decode("utf-8", "replace"))
            elif kind == messages.NOTE:
                self._tell_once(data.decode("utf-8", "replace"))
            elif kind == messages.DONE and self._context.recorder and (end := messages.read_end(data)):
                self._context.recorder.end(*end)
            for fd in fds:
                os.close(fd)

    def _on_spent(self, data: bytes) -> None:
        self._tell_once(f"a worker is replaced after {data.decode('utf-8', 'replace')}")
        script = data.rpartition(b": ")[0].decode("utf-8", "surrogateescape")
        if self._settings.for_script(script).runner == "auto" and self._put_back.spent(script):
            self._tell_once(f"{script} runs under fork from now on: its process had to be replaced each time")

    def _tell_once(self, text: str) -> None:
        text = text[:_LONGEST_REASON]
        if text not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(text)
            self._log.write(f"{text} (said once)")

    # Enough workers, and not too many

    def _balance(self) -> None:
        if self._stopping:
            return
        now = time.monotonic()
        minimum, maximum = self._settings.workers
        if now >= self._put_back.due and self._learning.learn(self._put_back.memory is None):
            self._put_back.image()
        if self._put_back.outdated and now >= self._renew_after:
            if self._crew.renew():
                self._put_back.outdated = False
            else:
                self._renew_after = now + _OUTAGE
        if self._learning.awaited and not self._state.get("workers"):
            return  # at a reload nobody waits
        self._crew.fill(minimum)
        self._board.hungry = bool(self._line)
        self._board.attentive = now < self._look_after
        idle = self._board.count(IDLE)
        if idle:
            self._line.hand_over()
        elif (
            self._line
            and self._crew.size < maximum
            and not (self._board.count(STARTING) or self._crew.fork_after)
        ):
            self._crew.fork()  # of those that a leaving worker was woken for, nobody else hears
        self._watch_listener(not idle and not self._board.count(STARTING) and now >= self._look_after)
        if idle <= 1 or self._crew.size <= minimum:
            self._spare_since = now
        elif now - self._spare_since > _KEEP_SPARE:
            self._spare_since = now
            self._line.dismiss()

    def _watch_listener(self, watch: bool) -> None:
        fd = self._listener.fileno()
        if watch != self._loop.watches(fd):
            if watch:
                self._loop.watch(fd, self._on_waiting_connection)
            else:
                self._loop.forget(fd)

    def _on_waiting_connection(self) -> None:
        if self._board.any_idle() or self._board.count(STARTING) or self._stopping:
            return
        now = time.monotonic()
        _, maximum = self._settings.workers
        more = self._crew.size < maximum and not self._crew.fork_after
        if more and not crowded(self._board):
            self._crew.fork()
            return
        if self._board.begun_since(now - JUST_BEGUN) and not self._line:
            self._look_after = now + _LOOK_AGAIN  # a worker will be free sooner than we could do anything
            return
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
            self._line.add(connection)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            pass  # somebody else has it
        except OSError as error:
            self._look_after = time.monotonic() + _OUTAGE
            self._log.write(f"cannot accept a request: {error.strerror}; next try in {_OUTAGE:g} s")

    def _keep_time(self) -> None:
        now = time.monotonic()
        self._crew.keep_time(now)
        self._line.keep_time(now)
        self._errands.keep_time(now)
        self._log.keep_time(now)
        if self._stopping and now >= self._stop_at:
            self._crew.kill(signal.SIGTERM if self._stopping == 1 else signal.SIGKILL)
            self._stopping = 2
            self._stop_at = now + 2.0
        if now - self._checked_files >= _CHECK_FILES and not self._stopping:
            self._checked_files = now
            recorder = self._context.recorder
            if recorder and not recorder.pid:
                self._log.write("the process that records has died: starting another")
                self._start(recorder)
            changed = self._files.changed()
            if changed:
                self._log.write(f"{changed} has changed: reloading")
                self._reload()

    # Reload and end

    def _reload(self) -> None:
        """Become a new master in this very process: same pid, same socket, so that no request is lost.

        Workers of the former one see their lifeline cut, and end when they are idle.
        """
        try:
            if not reload.is_sound(self._state):
                self._log.write("not reloaded: the configuration, or cgicompat itself, is broken")
                return
            self._errands.close()
            self._on_messages()
            self._line.take_back()
            self._state["listener"] = self._listener.fileno()
            self._state["workers"] = self._crew.dump()
            self._state["queue"] = self._line.dump()
            self._state["messages"] = [end.fileno() for end in self._messages]
            self._state["verdicts"] = self._verdicts.dump()
            self._log.write("reloading")
            tidy.execute(self._settings, self._state, self._state["argv"])
        except OSError as error:
            self._log.write(f"not reloaded: {error.strerror}. All goes on as it was: try again")

    def _stop(self, at_once: bool = False) -> None:
        """Take no more requests, let the running ones finish; then, or `at_once`, end them."""
        now = time.monotonic()
        if self._stopping == 0:
            self._watch_listener(False)
            self._context.traces.remove_socket()
            self._listener.close()
            self._line.close()
            self._errands.close()
            self._crew.retire()
            self._stopping = 1
            self._stop_at = now + self._settings.grace
        if at_once:
            self._stopping = 2
            self._stop_at = now

    def _finish(self) -> NoReturn:
        if self._context.recorder:
            self._context.recorder.close()
        self._log.flush()
        self._context.traces.remove()
        os._exit(0)
