"""What is written down: the exchange as it was, without secrets, and only as much as was asked for."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cgicompat.recordings.recording import KEPT, Recording, load_all
from tests.harness.doors import Asgi, Scgi, Site, Wsgi
from tests.harness.processes import alive, children, host_environ, until

PLAIN = "print('Content-Type: text/plain\\n\\nok')\n"


def recordings(directory: Path, count: int) -> list[Recording]:
    """The recordings in a directory, once there are `count` of them."""
    until(lambda: directory.is_dir() and len(list(directory.glob("*.json"))) >= count)
    found = load_all(str(directory))
    assert len(found) == count
    return found


def of(site: Site, count: int = 1) -> list[Recording]:
    """Those of one case."""

    def find() -> list[Recording]:
        try:
            found = load_all(f"{site.door.home}/recordings")
        except Exception:
            return []
        mine = [recording for recording in found if recording.script.startswith(f"{site.directory}/")]
        return mine if len(mine) >= count else []

    return until(find)


def test_the_exchange_is_written_down(site):
    script = site.script(
        """
        import sys
        print("Set-Cookie: sid=s3cr3t; Path=/\\nContent-Type: text/html; charset=utf-8\\n")
        print("<p>größe", sys.stdin.read())
        print("a complaint", file=sys.stderr)
        sys.exit(3)
        """,
        "login.py",
        head=False,
    )
    headers = [("Cookie", "sid=s3cr3t; theme=dark"), ("Authorization", "Basic s3cr3t")]
    page = site.post(script, "ä=1".encode(), info="/a b", query="q=1", headers=headers)
    assert "sid=s3cr3t; Path=/" in page.all("Set-Cookie")  # the client gets it as it was
    (made,) = of(site)
    assert (made.script, made.runner, made.status) == (f"{site.directory}/login.py", site.door.runner, 3)
    assert (made.body, made.client_gone, made.directory) == ("ä=1".encode(), False, str(site.door.root))
    assert made.output.data == (
        "Set-Cookie: sid=(masked); Path=/\nContent-Type: text/html; charset=utf-8\n\n<p>größe ä=1\n".encode()
    )
    assert made.errors.data.startswith(b"a complaint\n")
    assert 0 < made.seconds < 5
    environ = made.environ
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a b", "q=1")
    assert environ["HTTP_COOKIE"] == "sid=(masked); theme=(masked)"
    assert environ["HTTP_AUTHORIZATION"] == "(masked)"
    assert set(made.masked) == {"HTTP_COOKIE", "HTTP_AUTHORIZATION", "response headers"}
    assert not {"PATH", "TZ", "FROM_THE_CONFIGURATION"} & environ.keys()
    text = Path(made.path).read_text()
    assert "s3cr3t" not in text
    assert '"<p>größe ä=1\\n"' in text
    assert stat.S_IMODE(os.stat(made.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(made.path)).st_mode) == 0o700


def test_long_bodies_are_cut_with_a_hash_of_the_rest(site):
    body = bytes(range(256)) * 8192
    script = site.script(
        "import shutil, sys\nsys.stdout.flush()\nshutil.copyfileobj(open(0, 'rb'), open(1, 'wb'))"
    )
    assert site.post(script, body).body == body
    (made,) = of(site)
    for blob, whole in ((made.sent, body), (made.output, None)):
        assert len(blob.data) == KEPT < blob.size
        assert whole is None or blob.same(whole)
    assert not made.sent.same(body[:-1] + b"x")
    head = len(made.output.data.partition(b"\n\n")[0]) + 2
    assert made.output.size == head + len(body)
    assert made.output.rest == hashlib.sha256(body[KEPT - head :]).hexdigest()


@pytest.mark.parametrize(
    ("ending", "status"), [("os._exit(5)", 5), ("os.kill(os.getpid(), 9)", 137), ("1 / 0", 1)]
)
def test_how_a_script_ended(site, ending, status):
    site.page(f"import os, sys\nprint('before', file=sys.stderr)\nsys.stdout.flush()\n{ending}")
    (made,) = of(site)
    assert (made.status, made.failed) == (status, True)
    assert made.errors.data.startswith(b"before\n")


def test_a_client_that_leaves_is_no_failure(site):
    exchange = site.open("GET", site.script("import time\nprint(1, flush=True)\ntime.sleep(20)"))
    exchange.wait_for(b"1\n")
    exchange.drop()
    (made,) = of(site)
    assert (made.client_gone, made.failed, made.status) == (True, False, 143)


# With settings of their own


@pytest.fixture
def pool(tmp_path: Path, home: Path) -> Iterator[Callable[[str], Site]]:
    """Starts a pool of two workers, with the settings that are given, and recording to home/recordings."""
    doors: list[Scgi] = []

    def start(settings: str = "") -> Site:
        place = Path(os.path.realpath(home)) / f"record{len(list(home.iterdir()))}"
        configuration = f'workers = 2\nrunner = "fork"\nrecord = "{place}/recordings"\n{settings}'
        doors.append(Scgi("fork", place, configuration))
        return Site(doors[-1], "case")

    yield start
    for door in doors:
        door.stop()


def recorder_of(site: Site) -> int:
    """The first child of a master that records."""
    return until(lambda: children(site.door.server.pid))[0]


def test_secrets_when_asked_for(pool):
    site = pool("record-secrets = true")
    page = site.get(site.script(PLAIN), headers=[("Cookie", "a=b")])
    assert page.status == 200
    (made,) = of(site)
    assert (made.environ["HTTP_COOKIE"], made.masked) == ("a=b", ())


def test_only_failures_when_asked_for(pool):
    site = pool("record-errors = true")
    site.page(PLAIN, name="good.py", head=False)
    site.page("print('Status: 404\\n')", name="missing.py", head=False)
    site.page("print('Status: 503\\n')", name="busy.py", head=False)
    site.page("print('no head')", name="head.py", head=False)
    site.page("import sys; sys.exit(1)", name="exit.py")
    site.door.stop()
    made = recordings(site.door.home / "recordings", 3)
    assert [os.path.basename(recording.script) for recording in made] == ["busy.py", "head.py", "exit.py"]


def test_the_oldest_give_way(pool):
    site = pool('record-limit = "40K"')
    script = site.script("print('x' * 9000)")
    for number in range(33):  # the directory is looked through at every sixteenth
        site.get(script, f"n={number}")
    until(lambda: of(site)[-1].environ["QUERY_STRING"] == "n=32" and len(of(site)) <= 3)


def test_a_directory_that_fails_costs_no_request(pool):
    site = pool()
    script = site.script(PLAIN, head=False)
    site.get(script)
    (made,) = of(site)
    os.unlink(made.path)
    os.rmdir(os.path.dirname(made.path))
    assert [site.get(script).status for _ in range(3)] == [200] * 3
    log = site.logged("cannot record into")
    assert log.count("cannot record into") == 1
    os.mkdir(os.path.dirname(made.path))
    site.get(script)
    assert of(site)


def test_a_recorder_that_dies_is_replaced(pool):
    site = pool()
    script = site.script(PLAIN, head=False)
    os.kill(recorder_of(site), signal.SIGKILL)
    site.logged("the process that records has died: starting another")
    assert site.get(script).status == 200
    assert len(of(site)) == 1


def test_a_reload_loses_nothing(pool):
    site = pool()
    recorder = recorder_of(site)
    exchange = site.open(
        "GET", site.script("import os, time\nwhile not os.path.exists('gate'): time.sleep(.01)")
    )
    until(lambda: (site.door.home / "recordings").is_dir())
    site.door.server.process.send_signal(signal.SIGHUP)
    site.logged("reloading")
    site.file("gate")
    assert exchange.finish().status == 200
    assert site.get(site.script(PLAIN, "other.py", head=False)).status == 200
    made = of(site, 2)
    assert {os.path.basename(recording.script) for recording in made} == {"script.py", "other.py"}
    until(lambda: not alive(recorder))


def test_what_is_under_way_at_the_end_is_written(pool):
    site = pool()
    exchange = site.open("GET", site.script("import time\nprint(1, flush=True)\ntime.sleep(.5)\nprint(2)"))
    exchange.wait_for(b"1\n")
    site.door.stop()
    (made,) = recordings(site.door.home / "recordings", 1)
    assert made.output.data.endswith(b"1\n2\n")


@pytest.mark.parametrize("kind", [Asgi, Wsgi])
def test_other_servers(home, kind):
    place = home / f"recorded-{kind.name}"
    door = kind("fork", place, f'record = "{place}/recordings"\n')
    try:
        site = Site(door, "case")
        assert site.page(PLAIN, head=False).body == b"ok\n"
        (made,) = of(site)
        assert (made.status, made.output.data) == (0, b"Content-Type: text/plain\n\nok\n")
    finally:
        door.stop()


def test_without_it_there_is_no_further_process(tmp_path, home):
    door = Scgi("cgi", home / "unrecorded", "workers = 2\n")
    try:
        until(lambda: len(children(door.server.pid)) == 2)
    finally:
        door.stop()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--record", "www/x"], "is in {}/www, which is served: choose another place"),
        (["--record-errors"], "record-errors is set but record is not"),
    ],
)
def test_refusals(tmp_path, flags, message):
    (tmp_path / "www").mkdir()
    command = [sys.executable, "-m", "cgicompat", "serve", "www", *flags]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=host_environ())
    assert run.returncode == 2
    assert message.format(os.path.realpath(tmp_path)) in run.stderr
