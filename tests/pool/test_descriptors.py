"""Who holds which descriptors: the pool, its workers, what scripts start, and libraries."""

from __future__ import annotations

import os
import signal

import pytest

from tests.harness.processes import until

DAEMON = """
def daemon():
    os.close(1)
    open(sys.argv[0] + ".pid", "w").write(str(os.getpid()))
    time.sleep(60)
    os._exit(0)
"""
FORKS = {
    "os.fork": "if os.fork() == 0: daemon()",
    "twice": "if os.fork() == 0 and os.fork() == 0: daemon()",
    "multiprocessing": (
        "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=daemon).start()\n"
        "sys.stdout.flush()\nos._exit(0)"
    ),
}


def pid_of(script: str) -> int:
    until(lambda: os.path.exists(script + ".pid") and open(script + ".pid").read())
    return int(open(script + ".pid").read())


@pytest.mark.parametrize("runner", ["fork", "cgihandler"])
@pytest.mark.parametrize("how", FORKS)
def test_a_child_of_a_script_holds_none_of_our_descriptors(start, runner, how):
    pool = start("--workers", "2", "--runner", runner)
    url = pool.script(DAEMON + FORKS[how])
    assert pool.get(url).status == 200
    daemon = pid_of(str(pool.root) + url)
    try:
        files = {fd: os.readlink(f"/proc/{daemon}/fd/{fd}") for fd in os.listdir(f"/proc/{daemon}/fd")}
        ours = {file for fd, file in files.items() if int(fd) >= 200 or file.startswith("socket:")}
        assert not {file for file in ours if "/libffi." not in file}, files
        other = pool.script("", name="other.py")
        assert {pool.get(other).status for _ in range(30)} == {200}
        pool.server.process.send_signal(signal.SIGTERM)
        assert pool.server.process.wait(10) == 0
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_what_is_forked_past_python_does_not_listen(start):
    pool = start("--workers", "2", "--runner", "fork")
    url = pool.script(DAEMON + "import ctypes\nif ctypes.CDLL(None).fork() == 0: daemon()")
    assert pool.get(url).status == 200
    daemon = pid_of(str(pool.root) + url)
    try:
        with open("/proc/net/unix") as file:
            inodes = [line.split()[6] for line in file if line.rstrip().endswith(f" {pool.socket}")]
        files = {os.readlink(f"/proc/{daemon}/fd/{fd}") for fd in os.listdir(f"/proc/{daemon}/fd")}
        assert inodes
        assert files.isdisjoint(f"socket:[{inode}]" for inode in inodes), files
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_a_file_that_a_library_opened_stays_its_own(start, home):
    """Not closed under it, nor given to another."""
    library = home / "library"
    library.mkdir()
    (library / "journal.py").write_text(
        f"import os\nfd = os.open({str(home / 'journal')!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)\n"
        "def say(): os.write(fd, b'said\\n')\n"
    )
    pool = start("--workers", "1", "--env", f"PYTHONPATH={library}")
    url = pool.script("import journal\nwith open(sys.argv[0] + '.data', 'w') as file: journal.say()\n")
    for _ in range(4):
        assert pool.get(url).status == 200
        assert os.path.getsize(f"{pool.root}{url}.data") == 0
    assert (home / "journal").read_text() == "said\n" * 4


@pytest.mark.parametrize("runner", ["fork", "cgihandler"])
def test_callbacks_for_c_whatever_scripts_have_closed(start, runner):
    """libffi opens its file once, and maps it for each hundred of them."""
    pool = start("--workers", "1", "--runner", runner)
    url = pool.script(
        "os.closerange(3, 32)\nimport ctypes\nfile = open(sys.argv[0] + '.data', 'w')\n"
        "made = [ctypes.CFUNCTYPE(ctypes.c_int)(lambda n=n: n) for n in range(500)]\n"
        "print(sum(each() for each in made))"
    )
    closes = pool.script("os.closerange(3, 4096)", name="closes.py")
    for _ in range(2):
        assert pool.get(closes).status == 200
        assert pool.get(url).lines[1:] == ["124750"]


def test_what_the_pool_was_started_with_is_not_for_scripts(start, tmp_path):
    (tmp_path / "secret").touch()
    pool = start("--workers", "1", prefix=["sh", "-c", 'exec "$@" 5<"$0"', str(tmp_path / "secret")])
    url = pool.script("print(*os.listdir('/proc/self/fd'))")
    numbers = [int(n) for n in pool.get(url).body.split()[1:]]
    assert [n for n in numbers if 3 < n < 200] == []
