"""What the master has ready for workers, whatever scripts tell it."""

from __future__ import annotations

import marshal
import os

import pytest

from tests.harness.processes import until

# A script's way to the socket for messages to the master: the only datagram socket that can be written to.
FORGE = """
import socket, stat
def send(message, *fds):
    for name in os.listdir("/proc/self/fd"):
        try:
            end = socket.socket(fileno=os.dup(int(name)))
            if end.type == socket.SOCK_DGRAM:
                end.setblocking(False)
                socket.send_fds(end, [message], list(fds))
        except OSError:
            pass
"""
FORGED = {
    "nothing": b"",
    "an unknown kind": b"\xff\xff",
    "names": b"+this\0../x\0\xff\xfe\0" + b"a." * 5000 + b"\0os.path\0sys\0__main__\0",
    "files": b"F/etc/passwd\0\xff\xff\0/proc/self/mem\0" + b"\0" * 3000,
    "code": b"C/dev/zero\0/etc/passwd\0/\0\xff\0\0\0" + b"x" * 5000,
    "a reason": b"-" + b"\xff\n\r\0[now] forged: line\n" * 5000,
    "an end": b".\xff",
    "a job": b"J\xff\xff\xff\xff",
    "a recording": b"B" + marshal.dumps(((1, 2),)),
    "the end of one": b"X" + marshal.dumps(([], "x")),
    "its errors": b"E" + marshal.dumps(((1, 2), 3, 4)),
}


@pytest.mark.parametrize("runner", ["fork", "cgihandler"])
def test_no_message_of_a_script_harms_the_master(start, home, runner):
    """Nor the process that records."""
    pool = start("--workers", "1", "--runner", runner, "--record", str(home / "recordings"))
    hello = pool.script("", name="hello.py")
    assert pool.get(hello).status == 200
    for name, message in FORGED.items():
        sends = "send(message)\nsend(message, 0)\nsend(message, 0, 1)\nsend(message, 0, 1, 2)"
        url = pool.script(f"{FORGE}message = {message!r}\n{sends}", "f.py")
        assert pool.get(url).status == 200, name
    for _ in range(3):
        assert pool.get(hello).status == 200
    log = pool.server.log
    assert "Traceback" not in log, log
    assert "\n[now] forged: line" not in log
    assert "reloading" not in log
    assert "the process that records has died" not in log
    until(lambda: len(os.listdir(home / "recordings")) == len(FORGED) + 4)


def test_children_are_born_with_the_code_of_scripts(start):
    """And no file is, from which a script could change it for others."""
    pool = start("--workers", "1")
    (pool.root / "cgi-bin" / "helper.py").write_text("import sys\nsize = 1\n")
    url = pool.script(
        "import helper\nfrom cgicompat.modules import CODE\n"
        "print(sorted(map(os.path.basename, CODE.missed)))\n"
    )
    assert "'helper.py', 's.py'" in pool.get(url).lines[-1]
    until(lambda: pool.get(url).lines[-1] == "[]")
    assert [name for _, _, files in os.walk(pool.temporary) for name in files] == ["lock"]
    (pool.root / "cgi-bin" / "helper.py").write_text("import sys\nsize = 22\n")
    assert "['helper.py']" in pool.get(url).lines[-1]
    until(lambda: pool.get(url).lines[-1] == "[]")


def test_a_file_that_the_compiler_dies_of_is_its_script_s_affair(start):
    pool = start("--workers", "1", "--runner", "cgihandler")
    hello = pool.script("", name="hello.py")
    bad = pool.root / "cgi-bin" / "bad.py"
    bad.write_text("(" * 150_000)
    assert pool.get("/cgi-bin/bad.py").status == 500
    url = pool.script(FORGE + f"send(b'C' + {str(bad)!r}.encode())", "f.py")
    for _ in range(5):
        assert pool.get(url).status == 200
        assert pool.get(hello).status == 200
