"""Scripts of a server that root has started."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import resource
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cgicompat
from tests.harness.doors import wait_for_socket
from tests.harness.processes import Server, cpu, descendants, host_environ
from tests.harness.wire import Exchange, connect, http_request, parse_cgi, parse_http, scgi_request

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="for root")

SCRIPT = """
import os, subprocess
print("Content-Type: text/plain\\n")
print(os.getresuid(), os.getresgid(), sorted(os.getgroups()))
print(subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip())
try:
    print(open({secret!r}).read())
except PermissionError:
    print("not for me")
"""


def readable_by(user: str, program: str = "click, cgicompat.pool.master") -> list[str]:
    """A command that is a Python that `user` may run, with what a `program` of ours imports."""
    packages = os.pathsep.join([str(Path(cgicompat.__file__).parents[1]), sysconfig.get_path("purelib")])
    for python in (sys.executable, "/usr/bin/python3"):
        drop = ["setpriv", f"--reuid={user}", "--clear-groups", "env", f"PYTHONPATH={packages}"]
        test = f"import sys, {program}; assert sys.version_info >= (3, 11)"
        if subprocess.run([*drop, python, "-c", test], capture_output=True).returncode == 0:
            return ["env", f"PYTHONPATH={packages}", python]
    pytest.skip(f"no Python that {user} may run")


@pytest.fixture
def home() -> Iterator[Path]:
    """A place that all may look into."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


class Program:
    """A server of ours, begun by root, over a directory with one script."""

    def __init__(self, home: Path, command: str, *options: str, source: str, user: str = "nobody"):
        (home / "site" / "cgi-bin").mkdir(parents=True)
        (home / "site" / "cgi-bin" / "s.py").write_text(source)
        python = readable_by(user, "httptools, cgicompat.cli.httpd" if command == "serve" else "click")
        self.socket = home / "s"
        bind = ["--port", "0"] if command == "serve" else ["--bind", f"unix:{self.socket}"]
        words = ["env", "TMPDIR=/tmp", *python, "-m", "cgicompat", command, *bind, "--user", user, *options]
        self.server = Server([*words, "--workers", "1", str(home / "site")], home / "logs", host_environ())
        if command == "serve":
            self.port = int(self.server.says(r"http://127\.0\.0\.1:(\d+)")[1])
        else:
            self.port = 0
            wait_for_socket(self.server, str(self.socket))

    def open(self, body: bytes = b"") -> Exchange:
        if self.port:
            request = http_request("GET", "/cgi-bin/s.py")
            return Exchange(parse_http, connect(("127.0.0.1", self.port)), request)
        url = "/cgi-bin/s.py"
        environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": url, "DOCUMENT_URI": url}
        environ["CONTENT_LENGTH"] = str(len(body))
        return Exchange(parse_cgi, connect(str(self.socket)), scgi_request(environ, body))

    def lines(self, body: bytes = b"") -> list[str]:
        return self.open(body).finish(20).lines


@pytest.fixture
def begin(home: Path) -> Iterator[Callable[..., Program]]:
    programs: list[Program] = []

    def begin(*args: str, **options: str) -> Program:
        programs.append(Program(home, *args, **options))
        return programs[-1]

    yield begin
    for program in programs:
        program.server.stop()


@pytest.mark.parametrize(
    ("command", "runner"),
    [("pool", "fork"), ("pool", "cgihandler"), ("pool", "cgi"), ("serve", "fork"), ("serve", "cgihandler")],
)
def test_scripts_run_as_the_user_that_is_named(begin, home, command, runner):
    (home / "secret").write_text("for root")
    (home / "secret").chmod(0o600)
    group = () if command == "pool" else ("--group", "daemon")
    source = SCRIPT.format(secret=str(home / "secret"))
    program = begin(command, "--runner", runner, *group, source=source)
    nobody = pwd.getpwnam("nobody")
    uid, gid = nobody.pw_uid, grp.getgrnam("daemon").gr_gid if group else nobody.pw_gid
    if command == "pool":
        assert program.socket.stat().st_uid == uid
    expected = [f"{(uid,) * 3} {(gid,) * 3} {[gid]}", str(uid), "not for me"]
    assert program.lines() == expected
    program.server.process.send_signal(signal.SIGHUP)
    program.server.says("reloading|reloaded")
    for _ in range(3):
        assert program.lines() == expected
    assert "run as root" not in program.server.log


USER = "54321"  # nobody else has it, nor its share of the system's
DROP = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


def limit_processes(master: int, most: str) -> None:
    """Of the user, as far as this master and its children are concerned."""
    for pid in [master, *descendants(master)]:
        done = subprocess.run([*DROP, "prlimit", f"--pid={pid}", f"--nproc={most}:"])
        assert done.returncode == 0 or pid not in descendants(master), "it has ended meanwhile"


@pytest.mark.parametrize(
    ("runner", "options"), [("fork", ()), ("cgihandler", ("--max-requests", "1")), ("cgi", ())]
)
def test_too_few_processes_neither_end_the_master_nor_make_it_spin(begin, runner, options):
    """EAGAIN at fork, of the master or, for a program, of its worker."""
    source = "import os\nprint('Content-Type: text/plain\\n')\nprint(os.getuid())"
    program = begin("pool", "--runner", runner, *options, source=source, user=USER)
    assert program.lines() == [USER]
    master = program.server.pid
    limit_processes(master, "1")
    asked = [program.open() for _ in range(2)]
    for exchange in asked:
        with contextlib.suppress(TimeoutError):
            exchange.pump(timeout=0.5)
    program.server.says("cannot (fork|run): Resource temporarily unavailable")
    begun = cpu(master)
    time.sleep(1)
    assert cpu(master) - begun < 0.5
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    limit_processes(master, "unlimited" if soft < 0 else str(soft))
    pages = [exchange.finish(20) for exchange in asked]
    assert [page.status for page in pages] == ([500, 500] if runner == "cgi" else [200, 200])
    assert program.lines() == [USER]
    assert program.server.log.count("cannot fork") <= 2, "not again and again"
    assert "Traceback" not in program.server.log


HOG = """
import fcntl, os, time
pipes = []
try:
    while fcntl.fcntl((pipe := os.pipe())[1], fcntl.F_GETPIPE_SZ) >= 65536:
        pipes.append(pipe)
        try:
            fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 1 << 20)
        except PermissionError:
            pass
    print(fcntl.fcntl(pipe[1], fcntl.F_GETPIPE_SZ), flush=True)
except OSError as error:
    print(error, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_a_body_for_a_user_whose_pipes_are_small(begin, runner):
    """For pipe-user-pages-soft (pipe(7)) all pipes of a user count."""
    source = "import sys\nprint('Content-Type: text/plain\\n')\nprint(len(sys.stdin.buffer.read()))"
    program = begin("pool", "--runner", runner, source=source, user=USER)
    with subprocess.Popen([*DROP, *readable_by(USER), "-c", HOG], stdout=subprocess.PIPE, text=True) as hog:
        try:
            size = hog.stdout.readline().strip()
            if not size.isdigit():
                pytest.skip(f"this user cannot use up its pipes: {size}")
            assert int(size) < 65536
            for length in (int(size), int(size) + 1, 65536):
                assert program.lines(b"x" * length) == [str(length)]
        finally:
            hog.kill()


def test_root_is_warned_once(start):
    pool = start("--workers", "1")
    pool.get(pool.script(""))
    pool.server.process.send_signal(signal.SIGHUP)
    pool.server.says("reloading")
    assert pool.get(pool.script("")).status == 200
    assert pool.server.log.count("Scripts run as root here.") == 1
