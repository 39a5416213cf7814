"""The pool's master: growth, queue, reload, drain, and what is left when it is killed."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

import cgicompat
from tests.harness.processes import Server, alive, children, cpu, until
from tests.harness.wire import Response


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_workers_grow_while_requests_wait(start, runner):
    pool = start("--workers", "1:4", "--runner", runner)
    script = pool.script("while not os.path.exists(sys.argv[0] + '.go'): time.sleep(0.01)")
    running = [pool.open(script) for _ in range(4)]
    for exchange in running:
        exchange.wait_for(b"\n\n")
    (pool.root / "cgi-bin" / "s.py.go").touch()
    assert [exchange.finish().status for exchange in running] == [200] * 4


@pytest.mark.parametrize("runner", ["fork", "cgihandler"])
def test_requests_that_wait_do_so_together_among_others_that_compute(start, runner):
    pool = start("--workers", "1:4", "--runner", runner)
    computing = pool.script("sum(range(1000))", "computing.py")
    waiting = pool.script("while not os.path.exists(sys.argv[0] + '.go'): time.sleep(0.01)")
    assert all(pool.get(computing).status == 200 for _ in range(250))
    running = [pool.open(waiting) for _ in range(4)]
    for exchange in running:
        exchange.wait_for(b"\n\n")
    (pool.root / "cgi-bin" / "s.py.go").touch()
    assert [exchange.finish().status for exchange in running] == [200] * 4


def test_idle_workers_go_again(start):
    pool = start("--workers", "1:2", "--runner", "cgihandler")
    script = pool.script("time.sleep(0.2)")
    running = [pool.open(script) for _ in range(2)]
    assert all(exchange.finish().status == 200 for exchange in running)
    until(lambda: len(pool.workers()) == 2)
    until(lambda: len(pool.workers()) == 1, 40)


def test_requests_wait_for_a_worker_and_are_turned_away_beyond_the_queue(start):
    pool = start("--workers", "1", "--queue", "1")
    slow = pool.script("while not os.path.exists(sys.argv[0] + '.go'): time.sleep(0.01)")
    first = pool.open(slow)
    first.wait_for(b"\n\n")
    second = pool.open(slow)
    with pytest.raises(TimeoutError):
        second.pump(timeout=0.3)
    third = pool.get(slow)
    assert third.status == 503
    assert int(third.header("Retry-After") or 0) > 0
    (pool.root / "cgi-bin" / "s.py.go").touch()
    assert first.finish().status == second.finish().status == 200


def test_a_request_waits_no_longer_than_queue_timeout(start):
    pool = start("--workers", "1", "--queue-timeout", "0.5")
    slow = pool.script("while not os.path.exists(sys.argv[0] + '.go'): time.sleep(0.01)")
    first = pool.open(slow)
    first.wait_for(b"\n\n")
    began = time.monotonic()
    assert pool.get(slow).status == 503
    assert time.monotonic() - began > 0.4
    (pool.root / "cgi-bin" / "s.py.go").touch()
    assert first.finish().status == 200


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_reload_loses_no_request(start, runner):
    pool = start("--workers", "2", "--runner", runner)
    (pool.root / "cgicompat.toml").write_text('env = ["STAGE=1"]\n')
    script = pool.script("print(os.environ.get('STAGE'))")
    slow = pool.script("time.sleep(1); print('done')", "slow.py")
    under_way = pool.open(slow)
    under_way.wait_for(b"\n\n")
    answers: list[Response] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(pool.get(script))

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(3):
        os.kill(pool.server.pid, signal.SIGHUP)
        time.sleep(0.4)
    until(lambda: pool.get(script).lines[1] == "1", 20)
    stop.set()
    thread.join()
    assert under_way.finish().body.endswith(b"done\n")
    assert {answer.status for answer in answers} == {200}
    assert answers[0].lines[1] == "None"
    assert pool.get(script).lines[1] == "1"
    assert pool.server.process.poll() is None


def test_reload_with_a_wrong_configuration_goes_on_with_the_old_one(start):
    pool = start("--workers", "1")
    script = pool.script("")
    (pool.root / "cgicompat.toml").write_text("no-such-key = 1\n")
    os.kill(pool.server.pid, signal.SIGHUP)
    pool.server.says("no-such-key")
    pool.server.says("not reloaded")
    assert pool.get(script).status == 200


def test_an_upgrade_that_is_broken_is_not_loaded(home, start):
    package = Path(cgicompat.__file__).parent
    shutil.copytree(package, home / "cgicompat", ignore=shutil.ignore_patterns("__pycache__"))
    pool = start("--workers", "1")  # in this directory, so of this copy
    script = pool.script("")
    assert pool.get(script).status == 200
    (home / "cgicompat/pool/worker.py").write_text("class Worker(\n")
    pool.server.says("not reloaded")
    assert pool.get(script).status == 200


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_nothing_is_left_when_the_master_is_killed(start, runner):
    pool = start("--workers", "2", "--runner", runner)
    running = pool.open(pool.script("time.sleep(60)"))
    running.wait_for(b"\n\n")
    script_pid = int(bytes(running.raw).split()[-1])
    until(lambda: len(pool.workers()) >= 2)
    processes = {script_pid, *pool.workers()}
    os.kill(pool.server.pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in processes))
    until(lambda: not os.path.exists(pool.socket))
    until(lambda: not list(pool.temporary.iterdir()))


def test_a_private_pool_ends_with_the_process_that_has_it(home):
    script = home / "owner.py"
    script.write_text(
        "import sys, time\nfrom cgicompat import config\nfrom cgicompat.pool import Pool\n"
        "pool = Pool(config.load(sys.argv[1], {}))\nprint('pid', pool.pid, flush=True)\ntime.sleep(60)\n"
    )
    from tests.harness.processes import host_environ

    (home / "tmp").mkdir()
    environ = host_environ(TMPDIR=str(home / "tmp"))
    owner = Server([sys.executable, str(script), str(home)], home, environ)
    master = int(owner.says(r"pid (\d+)")[1])
    until(lambda: children(master))
    workers = children(master)
    owner.process.kill()
    owner.process.wait()
    until(lambda: not any(alive(pid) for pid in [master, *workers]))
    assert list((home / "tmp").iterdir()) == []


def test_terminate_lets_running_requests_end(start):
    pool = start("--workers", "2")
    slow = pool.open(pool.script("time.sleep(0.5); print('done')"))
    slow.wait_for(b"\n\n")
    pool.server.process.terminate()
    assert slow.finish().body.endswith(b"done\n")
    assert pool.server.process.wait(30) == 0
    assert not os.path.exists(pool.socket)
    assert list(pool.temporary.iterdir()) == []


def test_after_the_grace_scripts_get_a_signal_to_end(start):
    pool = start("--workers", "1", "--grace", "0.3")
    stubborn = "import signal; signal.signal(signal.SIGTERM, lambda *_: print('told', flush=True))\n"
    slow = pool.open(pool.script(stubborn + "print('go', flush=True)\nwhile True: time.sleep(0.1)"))
    slow.wait_for(b"go")
    pool.server.process.terminate()
    assert b"told" in slow.finish().body
    assert pool.server.process.wait(30) == 0


def test_second_interrupt_stops_at_once(start):
    pool = start("--workers", "1", "--grace", "60")
    pool.open(pool.script("time.sleep(60)")).wait_for(b"\n\n")
    pool.server.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert pool.server.process.poll() is None
    pool.server.process.send_signal(signal.SIGINT)
    assert pool.server.process.wait(30) == 0


def test_modules_that_scripts_import_are_preloaded(start):
    pool = start("--workers", "1")
    script = pool.script("print('json' in sys.modules)\nimport json")
    assert pool.get(script).lines[1] == "False"
    until(lambda: pool.get(script).lines[1] == "True")


def test_under_fork_nothing_is_loaded_that_only_cgihandler_needs(start):
    pool = start("--workers", "1", "--runner", "fork")
    script = pool.script("print(*(name for name in sys.modules if name.startswith('cgicompat.')))")
    loaded = pool.get(script).lines[1].split()
    assert "cgicompat.pool.worker" in loaded
    unused = ("cgicompat.rewind", "cgicompat.guards", "cgicompat.identity", "cgicompat.pool.taster")
    assert [name for name in loaded if name.startswith(unused)] == []


def test_children_are_born_with_the_code_of_scripts(start):
    pool = start("--workers", "1")
    (pool.root / "cgi-bin" / "helper.py").write_text("value = 1\n")
    look = "import helper\nfrom cgicompat.modules import CODE\nprint(helper.value, len(CODE.missed))"
    script = pool.script(look)
    until(lambda: pool.get(script).body.endswith(b"1 0\n"))
    (pool.root / "cgi-bin" / "helper.py").write_text("value = 22\n")
    pool.script(look + "\nprint('new')")
    assert pool.get(script).body.endswith(b"22 2\nnew\n")
    until(lambda: pool.get(script).body.endswith(b"22 0\nnew\n"))


def test_a_changed_site_module_is_picked_up(start, home):
    library = home / "library"
    library.mkdir()
    (library / "shared_thing.py").write_text("VALUE = 1\n")
    pool = start("--workers", "1", "--env", f"PYTHONPATH={library}")
    script = pool.script("import shared_thing\nprint(shared_thing.VALUE)")
    for _ in range(3):
        assert pool.get(script).lines[1] == "1"
    (library / "shared_thing.py").write_text("VALUE = 22\n")
    until(lambda: pool.get(script).lines[1] == "22")


def test_a_failing_preload_is_said_and_does_no_harm(start):
    pool = start("--workers", "1", "--preload", "no_such_module")
    assert pool.get(pool.script("")).status == 200
    assert "cannot preload no_such_module" in pool.server.log


@pytest.fixture
def laden(start, home):
    """A pool whose master has 500,000 strings, and a script's line that looks at each."""
    library = home / "library"
    library.mkdir()
    (library / "laden.py").write_text("DATA = [f'string {n}' for n in range(500_000)]\n")
    pool = start("--workers", "1", "--runner", "fork", "--preload", "laden", "--env", f"PYTHONPATH={library}")
    return pool, "import laden\nsum(map(len, laden.DATA))\n"


def _memory(pid: int | str, kind: str) -> int:
    """Megabytes (proc(5), smaps_rollup)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind)) >> 10


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python counts references to every object")
def test_children_share_what_the_master_has_loaded(laden):
    pool, look = laden
    own = "print(open('/proc/self/smaps_rollup').read().partition('Private_Dirty:')[2].split()[0])"
    alone, looks = pool.script(own, "alone.py"), pool.script(look + own, "looks.py")

    def hardly_differs() -> bool:  # but for who was born before the master had settled
        return int(pool.get(looks).lines[1]) - int(pool.get(alone).lines[1]) < 4 << 10  # of more than 30 MB

    until(hardly_differs)
    assert _memory(pool.server.pid, "Anonymous:") > 10


def test_preloads_are_in_huge_pages(laden):
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    if release < (6, 1) or not os.path.exists("/sys/kernel/mm/transparent_hugepage"):
        pytest.skip("the kernel has no MADV_COLLAPSE")
    pool, look = laden
    assert pool.get(pool.script(look)).status == 200
    assert _memory(pool.server.pid, "AnonHugePages:") >= 8


def test_workers_that_die_at_once_do_not_keep_the_machine_busy(start, home):
    library = home / "library"
    library.mkdir()
    # with a function that does not look like the library's
    dies = "functools.partial(signal.raise_signal, signal.SIGKILL)"
    deadly = f"import functools, os, signal\nos.register_at_fork(after_in_child={dies})\n"
    (library / "deadly.py").write_text(deadly)
    pool = start("--workers", "2", "--preload", "deadly", "--env", f"PYTHONPATH={library}")
    pool.server.says("workers end at once")
    begun = cpu(pool.server.pid)
    time.sleep(1)
    assert cpu(pool.server.pid) - begun < 0.5


def test_scripts_have_runners_of_their_own(start, home):
    (home / "site").mkdir()
    (home / "site" / "cgicompat.toml").write_text(
        'runner = "cgihandler"\nput-back = "guards"\nworkers = "1"\n'
        '[script."/cgi-bin/forked.py"]\nrunner = "fork"\n[script."/cgi-bin/spawned.py"]\nrunner = "cgi"\n'
    )
    pool = start()
    source = (
        "n = sys.modules.setdefault('posix').__dict__.get('n', 0)\nsys.modules['posix'].n = n + 1\nprint(n)"
    )
    kept, forked, spawned = (pool.script(source, name) for name in ("kept.py", "forked.py", "spawned.py"))
    first = pool.get(kept).lines[0]
    assert pool.get(kept).lines[0] == first
    pids = {pool.get(url).lines[0] for url in (forked, spawned, forked, spawned)}
    assert len(pids) == 4
    assert first not in pids
    assert pool.get(kept).lines[0] == first


def test_two_pools_cannot_share_a_socket_but_a_stale_one_is_replaced(start, home):
    pool = start("--workers", "1")
    command = [sys.executable, "-m", "cgicompat", "pool", "--bind", f"unix:{pool.socket}", str(pool.root)]
    second = Server(command, home / "second")
    assert second.process.wait(10) == 1
    assert "another pool listens" in second.log
    assert "Traceback" not in second.log
    pool.server.process.terminate()
    pool.server.process.wait()
    import socket

    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(pool.socket)
    pool = start("--workers", "1")
    assert pool.get(pool.script("")).status == 200


def test_the_socket_is_for_its_owner_alone(start):
    pool = start("--workers", "1")
    assert os.stat(pool.socket).st_mode & 0o777 == 0o600
