"""Scripts of a server that root has started."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import cgicompat
from tests.harness.doors import wait_for_socket
from tests.harness.processes import Server, host_environ
from tests.harness.wire import Exchange, connect, parse_cgi, scgi_request

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


def readable_by(user: str) -> list[str]:
    """A command that is a Python that `user` may run, with what a pool needs."""
    packages = os.pathsep.join([str(Path(cgicompat.__file__).parents[1]), sysconfig.get_path("purelib")])
    for python in (sys.executable, "/usr/bin/python3"):
        drop = ["setpriv", f"--reuid={user}", "--clear-groups", "env", f"PYTHONPATH={packages}"]
        test = "import sys, click, cgicompat.pool.master; assert sys.version_info >= (3, 11)"
        if subprocess.run([*drop, python, "-c", test], capture_output=True).returncode == 0:
            return ["env", f"PYTHONPATH={packages}", python]
    pytest.skip(f"no Python that {user} may run")


@pytest.fixture
def home() -> Iterator[Path]:
    """A place that all may look into."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_scripts_run_as_the_user_that_is_named(home, runner):
    nobody = pwd.getpwnam("nobody")
    (home / "secret").write_text("for root")
    (home / "secret").chmod(0o600)
    (home / "site" / "cgi-bin").mkdir(parents=True)
    (home / "site" / "cgi-bin" / "s.py").write_text(SCRIPT.format(secret=str(home / "secret")))
    address = home / "s"
    options = ["--bind", f"unix:{address}", "--user", "nobody", "--workers", "1", "--runner", runner]
    temporary = ["env", "TMPDIR=/tmp"]
    command = [*readable_by("nobody"), "-m", "cgicompat", "pool", *options, str(home / "site")]
    server = Server([*temporary, *command], home / "logs", host_environ())

    def ask() -> list[str]:
        environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/cgi-bin/s.py", "DOCUMENT_URI": "/cgi-bin/s.py"}
        return Exchange(parse_cgi, connect(str(address)), scgi_request(environ, b"")).finish().lines

    try:
        wait_for_socket(server, str(address))
        assert address.stat().st_uid == nobody.pw_uid
        uid, gid = nobody.pw_uid, nobody.pw_gid
        expected = [f"{(uid,) * 3} {(gid,) * 3} {[gid]}", str(uid), "not for me"]
        assert ask() == expected
        server.process.send_signal(signal.SIGHUP)
        server.says("reloading")
        for _ in range(3):
            assert ask() == expected
        assert "run as root" not in server.log
    finally:
        server.stop()


def test_root_is_warned_once(start):
    pool = start("--workers", "1")
    pool.get(pool.script(""))
    pool.server.process.send_signal(signal.SIGHUP)
    pool.server.says("reloading")
    assert pool.get(pool.script("")).status == 200
    assert pool.server.log.count("Scripts run as root here.") == 1
