"""When the system is short of something, and what clients do that is unusual."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cgicompat.pool import intake
from cgicompat.processes import kill
from tests.harness.processes import cpu, descendants, until
from tests.harness.wire import scgi_request

RUNNERS = pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])


def test_a_limit_of_open_files_that_is_too_low_is_said_at_start(tmp_path):
    command = [sys.executable, "-m", "cgicompat", "pool", "--bind", f"unix:{tmp_path}/s", str(tmp_path)]
    shell = ["sh", "-c", 'ulimit -n 300; exec "$0" "$@"', *command]
    ended = subprocess.run(shell, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert "ulimit -n" in ended.stderr
    assert "--queue" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_master_raises_its_own_limit_of_open_files_alone(start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        pool = start("--workers", "1", "--queue", "1000")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    until(lambda: resource.prlimit(pool.server.pid, resource.RLIMIT_NOFILE)[0] > 1500)
    url = pool.script("import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE)[0])")
    assert pool.get(url).lines[-1] == "512"


def test_too_few_open_files_neither_end_the_master_nor_make_it_spin(start):
    pool = start("--workers", "1:3")
    wait = pool.script("while not os.path.exists(sys.argv[0] + '.go'): time.sleep(0.01)")
    first = pool.open(wait)
    first.wait_for(b"\n\n")
    before = resource.prlimit(pool.server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pool.server.pid, resource.RLIMIT_NOFILE, (100, before[1]))
    others = [pool.open(wait) for _ in range(5)]
    for exchange in others:
        with contextlib.suppress(TimeoutError):
            exchange.pump(timeout=0.1)
    begun = cpu(pool.server.pid)
    time.sleep(1.5)
    assert cpu(pool.server.pid) - begun < 0.5
    resource.prlimit(pool.server.pid, resource.RLIMIT_NOFILE, before)
    open(f"{pool.root}{wait}.go", "w").close()
    assert {exchange.finish(20).status for exchange in [first, *others]} == {200}
    assert "Traceback" not in pool.server.log


SHORT = """
import errno, os, socket
def unless_short(call):
    def either(*args):
        if os.path.exists({file!r}):
            raise OSError(errno.{number}, os.strerror(errno.{number}))
        return call(*args)
    return either
{call} = unless_short({call})
"""


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("os.pipe", errno.ENFILE),
        ("os.fork", errno.ENOMEM),
        ("socket.socket.accept", errno.ENFILE),
        ("socket.socket.accept", errno.EMFILE),
    ],
)
def test_what_the_whole_system_is_short_of(start, home, call, number):
    """Pretended, since others use it."""
    short = home / "short"
    library = home / "library"
    library.mkdir()
    (library / "sitecustomize.py").write_text(
        SHORT.format(file=str(short), call=call, number=errno.errorcode[number])
    )
    pool = start("--workers", "1", "--runner", "fork", "--env", f"PYTHONPATH={library}")
    url = pool.script("")
    assert pool.get(url).status == 200
    short.touch()
    asked = [pool.open(url) for _ in range(2)]
    for exchange in asked:
        with contextlib.suppress(TimeoutError):
            exchange.pump(timeout=0.1)
    pool.server.says(f"cannot (fork|accept a request): {os.strerror(number)}")
    processes = [pool.server.pid, *descendants(pool.server.pid)]
    begun = sum(map(cpu, processes))
    time.sleep(1)
    assert sum(map(cpu, processes)) - begun < 0.5
    short.unlink()
    assert {exchange.finish(20).status for exchange in asked} == {200}
    assert "Traceback" not in pool.server.log


def ask(pool, fields: dict[str, str], *pieces: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(pool.socket)
        peer.sendall(scgi_request(fields, b""))
        for piece in pieces:
            time.sleep(0.002)
            peer.sendall(piece)
        with peer.makefile("rb") as file:
            return file.read()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a file system that is full")
def test_a_full_temporary_directory_does_not_end_the_pool_at_hup(start, home):
    (home / "tmp").mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", home / "tmp"]).returncode != 0:
        pytest.skip("not allowed to mount")
    try:
        pool = start("--workers", "1", temporary=home / "tmp")
        url = pool.script("")
        assert pool.get(url).status == 200
        with contextlib.suppress(OSError), open(home / "tmp" / "full", "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        pool.server.process.send_signal(signal.SIGHUP)
        pool.server.says("reloading|not reloaded")
        assert [pool.get(url).status for _ in range(5)] == [200] * 5
        assert pool.server.process.poll() is None
        pool.server.process.kill()
        pool.server.process.wait()
    finally:
        subprocess.run(["umount", "-l", home / "tmp"], check=True)


def test_what_a_killed_pool_has_left_is_removed_by_the_next(start, tmp_path):
    pool = start("--workers", "1", temporary=tmp_path)
    living = start("--workers", "1", name="other", temporary=tmp_path)
    assert {each.get(each.script("")).status for each in (pool, living)} == {200}
    os.kill(pool.server.pid, signal.SIGSTOP)  # or it forks others
    until(lambda: "State:\tT" in Path(f"/proc/{pool.server.pid}/status").read_text())
    for pid in [*descendants(pool.server.pid), pool.server.pid]:
        kill(pid, signal.SIGKILL)
    pool.server.process.wait()
    foreign = pool.temporary / "cgicompat-of-somebody"
    foreign.mkdir()
    left = set(os.listdir(pool.temporary))
    assert len(left) == 3
    start("--workers", "1", temporary=tmp_path)
    until(lambda: len(left - set(os.listdir(tmp_path))) == 1)
    until(lambda: len(os.listdir(tmp_path)) == 3)  # with its own
    assert foreign.exists()
    assert living.get(living.script("")).status == 200


@RUNNERS
def test_a_body_in_odd_pieces(start, runner):
    """A pipe takes 64 KB, but not in any pieces."""
    pool = start("--workers", "1", "--runner", runner)
    url = pool.script("print(len(sys.stdin.read()))")
    environ = {"REQUEST_METHOD": "POST", "REQUEST_URI": url, "DOCUMENT_URI": url, "CONTENT_LENGTH": "64000"}
    assert ask(pool, environ, *[b"x" * 1000] * 64).endswith(b"\n64000\n")


def test_a_body_for_a_pipe_that_is_small(tmp_path, monkeypatch):
    """As are those of a user who has many (pipe-user-pages-soft)."""
    monkeypatch.setattr(intake, "_size_of", lambda pipe: 4096)
    for size in (4096, 4097, 65536):
        fd = intake.fd_with(b"x" * size, str(tmp_path))
        with open(fd, "rb") as file:
            assert len(file.read()) == size
    assert os.listdir(tmp_path) == []


def test_a_length_of_many_digits_is_a_bad_request(start):
    pool = start("--workers", "1", "--runner", "cgihandler")
    url = pool.script("")
    worker = pool.get(url).lines[0]
    for length in ("9" * 5000, "9" * 19, "-1", "1e3", "\u0661"):
        environ = {"REQUEST_URI": url, "DOCUMENT_URI": url, "CONTENT_LENGTH": length}
        assert b"400" in ask(pool, environ).split(b"\n")[0]
    assert pool.get(url).lines[0] == worker
