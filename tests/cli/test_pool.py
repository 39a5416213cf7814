"""`cgicompat pool`: from the command line to a master, and again at each reload."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import wire
from tests.harness.doors import wait_for_socket
from tests.harness.processes import Server, host_environ, until

COMMAND = [sys.executable, "-m", "cgicompat", "pool"]
SHOW = "import os\nprint('Content-Type: text/plain\\n\\n' + os.environ['SHOWN'], os.getppid())\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    script = tmp_path / "www/cgi-bin/show.py"
    script.parent.mkdir(parents=True)
    script.write_text(SHOW)
    (tmp_path / "www/cgicompat.toml").write_text("env = {SHOWN = '1'}\nworkers = 2")
    return tmp_path.resolve()


class Site:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.configuration = home / "www/cgicompat.toml"
        # Relative on purpose: a reload must read them as the start did.
        self.server = Server([*COMMAND, "www", "--bind", "unix:sock"], home)
        wait_for_socket(self.server, str(home / "sock"))

    def shown(self) -> tuple[str, int]:
        """What the configuration has the script show, and the pid of the master."""
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "/cgi-bin/show.py",
            "SCRIPT_FILENAME": f"{self.home}/www/cgi-bin/show.py",
        }
        connection = wire.connect(str(self.home / "sock"))
        response = wire.Exchange(wire.parse_cgi, connection, wire.scgi_request(environ, b"")).finish()
        text, pid = response.body.decode().split()
        return text, int(pid)


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    site = Site(home)
    yield site
    site.server.stop()


def check(*arguments: str, cwd: Path) -> tuple[int, str]:
    run = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=host_environ(), cwd=cwd, timeout=20
    )
    assert run.stdout == ""
    return run.returncode, run.stderr


def test_what_it_says_at_start(home: Path) -> None:
    for name in ("old", "older"):
        (home / f"www/cgi-bin/{name}.py").write_text("print 'x'\n")
    site = Site(home)
    site.server.says(r"/cgi-bin/old.py cannot run: line 1 is Python 2 .*\n/cgi-bin/older.py cannot run: ")
    auto = "(fork|cgihandler: memory is put back)"
    site.server.says(rf"{home}/www at unix:{home}/sock: runner auto, 2 workers, auto is {auto}\n")
    site.server.stop()


def test_the_process_becomes_the_master(site: Site) -> None:
    assert site.shown() == ("1", site.server.pid)
    assert "click" not in Path(f"/proc/{site.server.pid}/maps").read_text()
    assert b"cgicompat\0pool" not in Path(f"/proc/{site.server.pid}/cmdline").read_bytes()


def test_a_reload_reads_the_configuration_again(site: Site) -> None:
    for value in ("2", "3"):
        site.configuration.write_text(f"env = {{SHOWN = '{value}'}}\nworkers = 2")
        site.server.process.send_signal(signal.SIGHUP)
        until(lambda value=value: site.shown() == (value, site.server.pid))


def test_a_mistake_does_not_end_the_pool(site: Site) -> None:
    site.configuration.write_text("env = 3")
    site.server.process.send_signal(signal.SIGHUP)
    site.server.says("cgicompat.toml: env = 3: allowed is NAME=VALUE")
    site.server.says("not reloaded")
    assert site.shown() == ("1", site.server.pid)


def test_check(home: Path) -> None:
    assert check("www", "--bind", "unix:sock", "--check", cwd=home) == (0, "")
    assert not (home / "sock").exists()
    status, said = check("www", "--bind", "unix:sock", "--workers", "x", "--check", cwd=home)
    assert (status, said) == (
        2,
        "Error: --workers = 'x': allowed is N, MIN:MAX or auto (cores + 1 : 8 x cores)\n",
    )


def test_an_address_is_needed(home: Path) -> None:
    status, said = check("www", cwd=home)
    assert (status, said.splitlines()) == (
        2,
        ["Error: where to listen? --bind unix:PATH or HOST:PORT, or `socket` in the configuration"],
    )
    (home / "www/cgicompat.toml").write_text("socket = 'unix:sock'")
    assert check("www", "--check", cwd=home) == (0, "")
    status, said = check("www", "--bind", "sock", cwd=home)
    assert (status, said) == (2, "Error: --bind = 'sock': allowed is unix:PATH or HOST:PORT\n")


def test_where_it_cannot_listen(home: Path, site: Site) -> None:
    for address, why in [
        ("unix:nowhere/sock", "its directory does not exist: make it, or choose another by --bind"),
        ("192.0.2.1:4000", "this machine does not have that address"),
        ("unix:sock", "another pool listens on "),
    ]:
        status, said = check("www", "--bind", address, cwd=home)
        assert status == 1
        assert "Traceback" not in said
        assert said.splitlines()[-1].startswith("Error: cannot listen on ")
        assert f": {why}" in said
    assert os.path.exists(home / "sock")
