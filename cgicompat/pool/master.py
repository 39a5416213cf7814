"""The master: owns the socket, forks workers ahead, reaps them, keeps time, and never runs a script.

It is single-threaded and small, since each fork copies it: a loop around poll(), woken by signals, by
workers' messages and by what scripts write to stderr. All that workers do is on the board; the master acts on
that and on the exit of processes. Workers take connections themselves. Only where none is idle does the
master look at the socket: it forks more workers where they are of use. Where it may not, and no worker has
been free for a while, it queues the connections and hands them to the next idle workers.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
import sys
import time

from cgicompat import pages
from cgicompat.descriptors import LOWEST, keep, release
from cgicompat.pool import worker as protocol
from cgicompat.pool.board import BUSY, FREE, IDLE, STARTING, Board
from cgicompat.pool.children import ended, kill, kill_group
from cgicompat.pool.heap import settle
from cgicompat.pool.intake import Intake, unnamed_file
from cgicompat.pool.load import JUST_BEGUN, crowded
from cgicompat.pool.log import Log
from cgicompat.pool.tidy import SIGNALS, Traces, execute
from cgicompat.pool.worker import Context, Job, Worker, prepare
from cgicompat.runners import here, shell
from cgicompat.runners.modules import CODE, LIBRARY, signature
from cgicompat.runners.script import kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cgicompat.config import Settings
    from cgicompat.pool.record import Recorder

# Seconds.
_TICK = 0.25
_CHECK_FILES = 1.0
_KEEP_SPARE = 10.0  # how long an idle worker above the minimum is kept
_WARN_THEN_TERM = 0.3  # SIGXCPU to SIGTERM, SIGTERM to SIGKILL: together well below 1 s
_MAX_BACKOFF = 5.0
_NEVER = float("inf")
_LOOK_AGAIN = 0.002
_LINGER = 2.0
_MAX_LINGERING = 256
_MOST_RECALLED = 2000


class Child:
    """The master's view of one worker process."""

    __slots__ = ("errors", "killing", "label", "next_kill", "pid", "retired", "slot")

    def __init__(self, pid: int, slot: int, errors: int):
        self.pid = pid
        self.slot = slot
        self.errors = errors
        self.label: str | None = None  # the last, once the slot is another's
        self.retired = False  # of a former master: it ends when it is idle
        self.killing = 0
        self.next_kill = 0.0


class Master:
    """A pool of workers behind one listening socket.

    `state` comes from the process that executed us, or from our former self at a reload:
    listener (fd), temporary (directory of ours), socket_file (path and inode) or None, parent (fd of a pipe
    that closes when the process that we belong to ends, or None), argv (command that replaces us at a
    reload, or None), and of the former self board (fd), workers, queue and learned modules.
    """

    def __init__(self, settings: Settings, state: dict[str, Any], bare: frozenset[str]):
        self._settings = settings
        self._state = state
        self._minimum, self._maximum = settings.workers
        self._children: dict[int, Child] = {}
        self._by_errors: dict[int, Child] = {}
        self._queue: list[tuple[float, socket.socket]] = []
        self._lingering: list[tuple[float, socket.socket]] = []
        self._stopping = 0
        self._stop_at = 0.0
        self._reload = False
        self._watching_listener = False
        self._look_after = 0.0
        self._spare_since = self._checked_files = time.monotonic()
        self._failures = 0
        self._fork_after = 0.0
        self._next_due = _NEVER  # when a process is to be ended, as far as known
        self._told: set[str] = set()
        self._watched: dict[str, tuple[int, ...] | None] = {}
        self._to_learn: list[str] = []
        self._learned: list[str] = []
        self._to_recall: list[str] = []
        self._recalled = 0
        self._log = Log()
        self._poll = select.poll()

        self._listener = socket.socket(fileno=keep(state["listener"]))
        self._listener.setblocking(False)
        self._open_board()
        # Messages to the master, and from the master to one idle worker.
        # Workers of a former self may have sent what it did not read any more.
        self._inbox, notify = self._messages = self._pair(*state.get("messages", ()))
        self._handoff, handoff = self._pair()
        self._handed_over = select.poll()
        self._handed_over.register(handoff, select.POLLIN)
        reader, writer = os.pipe()
        lifeline, self._lifeline = keep(reader), keep(writer)
        self._wake, wake = (keep(fd) for fd in os.pipe())
        for fd in (self._wake, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        here.handle_signals(os.getpid())
        shell.install()
        for channel in (self._wake, self._inbox):
            self._poll.register(channel, select.POLLIN)
        self._parent = -1
        if state["parent"] is not None:
            self._parent = state["parent"] = keep(state["parent"])
            self._poll.register(self._parent, 0)

        roots = [settings.directory]
        LIBRARY.configure(bare, sys.path, roots)
        CODE.directory = os.path.join(state["temporary"], "code")
        os.makedirs(CODE.directory, exist_ok=True)
        self._recorder: Recorder | None = None
        if settings.record:
            from cgicompat.pool.record import Recorder

            self._recorder = Recorder(settings, state["temporary"])
        intake = Intake(settings, dict(os.environ), state["temporary"])
        self._traces = Traces(state["socket_file"], state["temporary"])
        self._context = Context(
            settings,
            intake,
            self._board,
            self._listener,
            handoff,
            notify,
            lifeline,
            self._traces,
            self._recorder,
        )
        if "cgihandler" in settings.runners:
            from cgicompat.guards import prepare

            prepare()
        self._adopt()
        self._reap()  # those that ended in between
        if settings.config and state["argv"]:
            self._watch_file(settings.config)
        self._learn([*settings.preload, *state.get("learned", ())], insist=set(settings.preload))

    def _pair(self, *inherited: int) -> tuple[socket.socket, socket.socket]:
        ends = []
        new = inherited or (end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
        for end in new:
            moved = socket.socket(fileno=keep(end))
            moved.setblocking(False)
            ends.append(moved)
        return ends[0], ends[1]

    def _open_board(self) -> None:
        board = self._state.get("board")
        if board is None:
            board = unnamed_file(self._state["temporary"])
        os.ftruncate(board, Board.SIZE)
        self._board_fd = keep(board)
        self._board = Board(self._board_fd)

    # The loop

    def run(self) -> NoReturn:
        """Serve until told to stop; the process ends here."""
        while True:
            self._balance()
            try:
                events = self._poll.poll(self._patience())
            except InterruptedError:
                events = []
            for fd, event in events:
                if fd == self._wake:
                    self._on_signals(os.read(self._wake, 4096))
                elif fd == self._inbox.fileno():
                    self._on_messages()
                elif fd == self._listener.fileno():
                    self._on_waiting_connection()
                elif fd in self._by_errors:
                    self._on_errors(self._by_errors[fd])
                elif fd == self._parent and event & (select.POLLHUP | select.POLLERR):
                    self._poll.unregister(fd)
                    self._stop()
            self._keep_time()
            if self._stopping and not self._children:
                self._finish()

    def _patience(self) -> float:
        busy = self._board.count(BUSY) or self._queue or self._lingering or self._stopping or self._fork_after
        now = time.monotonic()
        patience = min(_TICK if busy else _CHECK_FILES, self._next_due - now)
        if self._look_after > now:
            patience = min(patience, self._look_after - now)
        return max(0.0, patience) * 1000

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGCHLD in numbers:
            self._reap()
        if signal.SIGHUP in numbers and not self._stopping:
            self._begin_reload()
        for number in numbers:
            if number == signal.SIGTERM:
                self._stop()
            elif number == signal.SIGINT:
                self._stop(at_once=self._stopping > 0)

    def _on_messages(self) -> None:
        while True:
            try:
                message, fds, _, _ = socket.recv_fds(self._inbox, 256 * 1024, 2)
            except BlockingIOError:
                return
            if message[:1] == protocol.LEARNED:
                self._to_learn += message[1:].decode().split("\0")
            elif message[:1] == protocol.LOADED:
                for path in message[1:].decode("utf-8", "surrogateescape").split("\0"):
                    self._watch_file(path)
            elif message[:1] == protocol.COMPILED:
                self._to_recall += message[1:].decode("utf-8", "surrogateescape").split("\0")
            elif message[:1] == protocol.SPENT:
                text = message[1:].decode("utf-8", "replace")
                if text not in self._told:
                    self._told.add(text)
                    self._log.write(f"a worker is replaced after {text} (said once)")
            elif message[:1] == protocol.JOB:
                self._fork(Job.restore(self._settings, message[1:], list(fds)))
            elif message[:1] == protocol.DONE and self._recorder:
                self._recorder.end(*marshal.loads(message[1:]))

    # Workers

    def _balance(self) -> None:
        """Have enough workers, and not too many; give them the queue."""
        if self._stopping:
            return
        now = time.monotonic()
        if self._to_learn:
            self._learn(self._to_learn)
            self._to_learn = []
        if self._to_recall:
            self._recall(self._to_recall)
            self._to_recall = []
        if now >= self._fork_after:
            self._fork_after = 0.0
            while self._size() < self._minimum and self._fork():
                pass
        self._board.hungry = bool(self._queue)
        self._board.attentive = now < self._look_after
        idle = self._board.count(IDLE)
        # One at a time: whoever takes it says so, and until then it is still ours to turn away or keep.
        if self._queue and idle and not self._handed_over.poll(0):
            socket.send_fds(self._handoff, [b"C"], [self._queue[0][1].fileno()])
            self._queue.pop(0)[1].close()
        self._watch_listener(not idle and not self._board.count(STARTING) and now >= self._look_after)
        if idle <= 1 or self._size() <= self._minimum:
            self._spare_since = now
        elif now - self._spare_since > _KEEP_SPARE:
            self._spare_since = now
            if not self._handed_over.poll(0):
                self._handoff.send(protocol.QUIT)

    def _size(self) -> int:
        """Workers that take requests."""
        return sum(not child.retired for child in self._children.values())

    def _take_back(self) -> None:
        """Put what no worker has taken into the queue again."""
        try:
            message, fds, _, _ = socket.recv_fds(self._context.handoff, 16, 1)
        except BlockingIOError:
            return
        if message != protocol.QUIT:
            self._queue.insert(0, (time.monotonic(), socket.socket(fileno=fds[0])))

    def _watch_listener(self, watch: bool) -> None:
        if watch != self._watching_listener:
            self._watching_listener = watch
            if watch:
                self._poll.register(self._listener, select.POLLIN)
            else:
                self._poll.unregister(self._listener)

    def _on_waiting_connection(self) -> None:
        if self._board.any_idle() or self._board.count(STARTING) or self._stopping:
            return
        now = time.monotonic()
        more = self._size() < self._maximum and not self._fork_after
        if more and not crowded(self._board):
            self._fork()
            return
        if self._board.begun_since(now - JUST_BEGUN) and not self._queue:
            self._look_after = now + _LOOK_AGAIN  # a worker will be free sooner than we could do anything
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._queue) >= self._settings.queue:
            self._turn_away(connection, "too many requests wait")
        else:
            self._queue.append((time.monotonic(), connection))

    def _turn_away(self, connection: socket.socket, why: str) -> None:
        self._log.write(f"503: {why}; all {len(self._children)} workers are busy (see --workers, --queue)")
        connection.setblocking(False)
        try:
            connection.send(pages.error(503, "All workers are busy.", ("Retry-After: 5",)))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        # A connection closed while its peer is writing is reset, and the answer may be lost.
        self._lingering.append((time.monotonic() + _LINGER, connection))
        self._close_lingering()

    def _close_lingering(self) -> None:
        """Close connections whose peer has read the answer, or had the time to."""
        now = time.monotonic()
        waiting = []
        for until, connection in self._lingering[-_MAX_LINGERING:]:
            try:
                while connection.recv(64 * 1024):
                    pass
            except BlockingIOError:
                if now < until:
                    waiting.append((until, connection))
                    continue
            except OSError:
                pass
            connection.close()
        for _, connection in self._lingering[:-_MAX_LINGERING]:
            connection.close()
        self._lingering = waiting

    def _fork(self, job: Job | None = None) -> bool:
        slot = self._board.free_slot()
        if slot < 0:
            return False
        reader, writer = os.pipe()
        self._board.start(slot, 0)
        try:
            pid = os.fork()
        except OSError as error:
            self._log.write(f"cannot fork: {error.strerror}")
            os.close(reader)
            os.close(writer)
            self._board.set_state(slot, FREE)
            self._back_off()
            return False
        if pid == 0:
            self._become_worker(slot, writer, job)
        os.close(writer)
        os.set_blocking(reader, False)
        child = Child(pid, slot, reader)
        self._children[pid] = child
        self._by_errors[reader] = child
        self._poll.register(reader, select.POLLIN)
        if job:
            os.close(job.connection)
            os.close(job.body)
        return True

    def _become_worker(self, slot: int, errors: int, job: Job | None) -> NoReturn:
        try:
            os.dup2(errors, 2)
            release(self._lifeline)
            if job:
                job.connection, job.body = keep(job.connection), keep(job.body)
            os.closerange(3, LOWEST)
            prepare()
            self._board.start(slot, os.getpid())
            Worker(self._context, slot).run(job)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(70)

    def _reap(self) -> None:
        for found in ended():
            child = self._children.pop(found.si_pid, None)
            if child is not None:
                self._bury(child)
            _, status = os.waitpid(found.si_pid, 0)
            if child is not None and os.WIFSIGNALED(status):
                self._mourn(child, os.WTERMSIG(status))
            if child is not None:
                code = os.waitstatus_to_exitcode(status)
                self._note_failure(child, code)
                if self._recorder:
                    self._on_messages()  # the runner's own word on how it ended comes first
                    key = child.pid, self._board.read(child.slot)[4]
                    self._recorder.end(key, code if code >= 0 else 128 - code)
                self._board.set_state(child.slot, FREE)
            elif self._recorder and found.si_pid == self._recorder.pid:
                self._recorder.pid = 0

    def _bury(self, child: Child) -> None:
        """Clean up after a worker while its pid, and so its process group, is not free yet."""
        if child.killing:
            kill_group(child.pid, signal.SIGKILL)
        _, group, *_ = self._board.read(child.slot)
        if group:
            kill_group(group, signal.SIGKILL)
        if child.errors >= 0:
            self._on_errors(child)
        child.label = self._board.label(child.slot)

    def _mourn(self, child: Child, number: int) -> None:
        if self._board.state(child.slot) == BUSY and not child.killing and not self._stopping:
            label = self._board.label(child.slot)
            self._log.write(f"{label}: the process was ended by signal {number} ({_signal_name(number)})")

    def _note_failure(self, child: Child, code: int) -> None:
        """A worker that died before it was ready, again and again, must not keep the machine busy."""
        if self._board.state(child.slot) != STARTING or code == 0:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= 3:
            self._back_off()
            self._log.write(
                f"workers end at once (exit status {code}), {self._failures} times now; next try in "
                f"{self._fork_after - time.monotonic():.1f} s. Look for the cause above; a preload may be it"
            )

    def _back_off(self) -> None:
        self._fork_after = time.monotonic() + min(_MAX_BACKOFF, 0.1 * 2 ** min(self._failures, 10))

    def _on_errors(self, child: Child) -> None:
        # Before the read: see worker._wait_for_log.
        label = child.label or self._board.label(child.slot)
        recorder = self._recorder if child.label is None else None
        key = child.pid, self._board.read(child.slot)[4] if recorder else 0
        while True:
            try:
                data = os.read(child.errors, 64 * 1024)
            except BlockingIOError:
                return
            if not data:
                break
            self._log.stderr(child.pid, label, data)
            if recorder:
                recorder.errors(key, data)
        # Nobody has the pipe open any more.
        self._log.end(child.pid)
        self._poll.unregister(child.errors)
        del self._by_errors[child.errors]
        os.close(child.errors)
        child.errors = -1

    # Time

    def _keep_time(self) -> None:
        now = time.monotonic()
        self._next_due = _NEVER
        for child in self._children.values():
            if self._board.state(child.slot) == BUSY or child.killing:
                _, _, deadline, start, _ = record = self._board.read(child.slot)
                due = child.next_kill if child.killing else deadline
                # The worker may be writing it just now: a record that is whole reads the same twice.
                if deadline and now >= due and self._board.read(child.slot) == record:
                    self._enforce(child, now, deadline - start)
                    due = child.next_kill
                if due > now:
                    self._next_due = min(self._next_due, due)
        while self._queue and now - self._queue[0][0] > self._settings.queue_timeout:
            self._turn_away(self._queue.pop(0)[1], f"a request waited {self._settings.queue_timeout:g} s")
        if self._lingering:
            self._close_lingering()
        if self._stopping and now >= self._stop_at:
            self._kill_all(signal.SIGTERM if self._stopping == 1 else signal.SIGKILL)
        if now - self._checked_files >= _CHECK_FILES and not self._stopping:
            self._checked_files = now
            if self._recorder and not self._recorder.pid:
                self._log.write("the process that records has died: starting another")
                self._recorder.start()
            self._check_files()

    def _enforce(self, child: Child, now: float, limit: float) -> None:
        if child.killing == 0:
            label = self._board.label(child.slot)
            self._log.write(f"{label}: time limit of {limit:g} s is over")
            kill(child.pid, signal.SIGXCPU)
        else:
            kill_group(child.pid, signal.SIGTERM if child.killing == 1 else signal.SIGKILL)
        child.killing += 1
        child.next_kill = now + _WARN_THEN_TERM

    # Preloads

    def _learn(self, names: list[str], insist: set[str] | frozenset[str] = frozenset()) -> None:
        """Import what scripts import, so that children are born with it."""
        os.makedirs(CODE.directory or "", exist_ok=True)
        for name in names:
            if name in sys.modules or name in self._context.refused:
                continue
            try:
                __import__(name)
                self._learned.append(name)
            except BaseException as error:
                self._context.refused.add(name)
                if name in insist:
                    self._log.write(f"cannot preload {name}: {type(error).__name__}: {error}")
        for module in list(sys.modules.values()):
            spec = getattr(module, "__spec__", None)
            if spec is not None and spec.has_location and spec.origin:
                self._watch_file(spec.origin)
        settle()

    def _recall(self, files: list[str]) -> None:
        """Have the code of scripts, which children have compiled, so that those to come are born with it."""
        before = self._recalled
        for file in files:
            try:
                # Code of files that have changed since is never freed.
                if self._recalled < _MOST_RECALLED and CODE.recall(file):
                    self._recalled += 1
                    kind(file)
                    LIBRARY.names_in(os.path.dirname(file))
            except OSError:
                pass  # it is gone again
        if self._recalled > before:
            settle()

    def _watch_file(self, path: str) -> None:
        if path not in self._watched:
            self._watched[path] = _signature(path)

    def _check_files(self) -> None:
        """Begin anew where a module that is loaded, or the configuration, has changed on disk."""
        for path, known in self._watched.items():
            now = _signature(path)
            if now != known:
                # In the middle of an upgrade it may be missing: it will be there or not when we are.
                self._log.write(f"{path} has changed: reloading")
                self._watched[path] = now
                self._begin_reload()
                return

    # Reload and end

    def _begin_reload(self) -> None:
        """Become a new master in this very process: same pid, same socket, so that no request is lost.

        Workers of the former one see their lifeline cut, and end when they are idle.
        """
        argv = self._state["argv"]
        if argv:
            check = os.spawnve(os.P_WAIT, argv[0], [*argv, "--check"], self._state["environ"])
            if check != 0:
                self._log.write("not reloaded: the configuration, or cgicompat itself, is broken")
                return
        self._on_messages()
        self._take_back()
        state = {
            **self._state,
            "listener": self._listener.fileno(),
            "board": self._board_fd,
            "workers": [(child.pid, child.slot, child.errors) for child in self._children.values()],
            "queue": [(since, connection.fileno()) for since, connection in self._queue],
            "messages": [end.fileno() for end in self._messages],
            "learned": self._learned,
        }
        self._log.write("reloading")
        execute(self._settings, state, argv)

    def _adopt(self) -> None:
        for pid, slot, errors in self._state.get("workers", []):
            child = Child(pid, slot, errors)
            child.retired = True
            if errors >= 0:
                os.set_inheritable(errors, False)
            self._children[pid] = child
            if errors >= 0:
                self._by_errors[errors] = child
                self._poll.register(errors, select.POLLIN)
        for since, fd in self._state.get("queue", []):
            os.set_inheritable(fd, False)
            self._queue.append((since, socket.socket(fileno=fd)))

    def _stop(self, at_once: bool = False) -> None:
        """Take no more requests, let the running ones finish; then, or `at_once`, end them."""
        now = time.monotonic()
        if self._stopping == 0:
            self._watch_listener(False)
            self._traces.remove_socket()
            self._listener.close()
            self._take_back()
            for _, connection in self._queue:
                self._turn_away(connection, "the server is stopping")
            self._queue.clear()
            os.close(self._lifeline)
            self._stopping = 1
            self._stop_at = now + self._settings.grace
        if at_once:
            self._stopping = 2
            self._stop_at = now

    def _kill_all(self, number: int) -> None:
        for child in self._children.values():
            child.killing = child.killing or 1
            kill_group(child.pid, number)
            _, group, *_ = self._board.read(child.slot)
            if group:
                kill_group(group, number)
        self._stopping = 2
        self._stop_at = time.monotonic() + 2.0

    def _finish(self) -> NoReturn:
        if self._recorder:
            self._recorder.close()
        self._traces.remove()
        os._exit(0)


def _signature(path: str) -> tuple[int, ...] | None:
    try:
        return signature(os.stat(path))
    except OSError:
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "?"
