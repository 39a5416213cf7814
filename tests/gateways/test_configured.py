"""cgicompat-cgi without a pool obeys cgicompat.toml, as the pool would that is not there."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cgicompat.gateways.cgi import configured_directory
from tests.harness.doors import Door, Scgi, Site
from tests.harness.processes import alive, host_environ, until
from tests.harness.webservers import ApacheAction
from tests.harness.wire import Response, parse_cgi

TOML = """\
timeout = 15
max-body = 1000
cwd = "root"
env = { APP_DB = "production.db", FROM_SERVER = "configuration" }

[script."/cgi-bin/*slow*"]
timeout = 0.5

[script."/cgi-bin/*own-directory*"]
cwd = "script"
pass-authorization = true

[script."/cgi-bin/*debug*"]
debug = true

[script."/cgi-bin/*shell*"]
interpreter = "/bin/sh"
"""
SHOW = """\
#!/usr/bin/env python3
import cgi, os, sys
print("Content-Type: text/plain\\n")
for name in ("APP_DB", "FROM_SERVER", "HTTP_AUTHORIZATION", "CGICOMPAT_DIRECTORY", "HTTP_PROXY"):
    print(name, os.environ.get(name))
print(os.getcwd(), sys.stdin.read())
"""


class Alone(Door):
    """cgicompat-cgi as a web server calls it, with nothing behind it."""

    name = "alone"

    def start(self) -> None:
        self.errors = ""

    def ask(self, script: str, body: bytes = b"", **variables: str) -> Response:
        process = self.begin(script, **{"CONTENT_LENGTH": str(len(body)) if body else "", **variables})
        output, errors = process.communicate(body, timeout=20)
        self.errors += errors.decode()
        return parse_cgi(output)

    def begin(self, script: str, **variables: str) -> subprocess.Popen[bytes]:
        from tests.harness import clients

        file = self.root / "cgi-bin" / script
        environ = {
            "PATH": host_environ()["PATH"],
            "LANG": "C.UTF-8",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": "POST",
            "QUERY_STRING": "",
            "SCRIPT_NAME": f"/cgi-bin/{script}",
            "SCRIPT_FILENAME": str(file),
            "DOCUMENT_ROOT": str(self.root),
            "FROM_SERVER": "server",
            "HTTP_AUTHORIZATION": "Basic x",
            "HTTP_PROXY": "evil",
            **variables,
        }
        return subprocess.Popen(
            [clients.PYTHON],
            stdin=-1,
            stdout=-1,
            stderr=-1,
            env=environ,
            cwd=file.parent,
            start_new_session=True,
        )

    def script(self, name: str, text: str) -> str:
        file = self.root / "cgi-bin" / name
        file.write_text(text)
        file.chmod(0o755)
        return name


@pytest.fixture
def door(tmp_path: Path) -> Alone:
    return Alone("cgi", tmp_path, TOML)


def shown(page: Response) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in page.body.decode().splitlines())


def test_environment_directory_and_authorization(door: Alone) -> None:
    found = shown(door.ask(door.script("show.py", SHOW), b"a body"))
    assert found == {
        "APP_DB": "production.db",
        "FROM_SERVER": "server",  # what the web server says wins, as with a pool
        "HTTP_AUTHORIZATION": "None",
        "HTTP_PROXY": "None",
        "CGICOMPAT_DIRECTORY": "None",
        str(door.root): "a body",
    }
    found = shown(door.ask(door.script("own-directory.py", SHOW), b"x"))
    assert (found["HTTP_AUTHORIZATION"], found[str(door.root / "cgi-bin")]) == ("Basic x", "x")


def test_interpreter(door: Alone) -> None:
    script = door.script("shell.py", "echo Content-Type: text/plain; echo; echo by $0")
    assert door.ask(script).body == f"by {door.root}/cgi-bin/shell.py\n".encode()


def test_largest_body(door: Alone) -> None:
    script = door.script("show.py", SHOW)
    assert door.ask(script, b"x" * 1000).status == 200
    assert door.ask(script, b"x" * 1001).status == 413
    assert door.ask(script, CONTENT_LENGTH="9" * 5000).status == 413


def test_debug(door: Alone) -> None:
    assert b"ZeroDivisionError" in door.ask(door.script("debug.py", "1/0")).body
    assert b"ZeroDivisionError" not in door.ask(door.script("other.py", "1/0")).body


def test_time_limit(door: Alone) -> None:
    """For children too, and other languages."""
    for name in ("slow.py", "slow.sh"):
        source = "import os; os.system('sleep 60 & echo $! > child; wait')"
        if name.endswith("sh"):
            source = "#!/bin/sh\nsleep 60 & echo $! > child\nwait"
        assert door.ask(door.script(name, source)).status == 504
        assert "time limit of 0.5 s" in door.errors
        child = int((door.root / "child").read_text())
        until(lambda pid=child: not alive(pid))


@pytest.mark.parametrize("ignores", [False, True])
def test_the_web_server_ends_it(door: Alone, ignores: bool) -> None:
    script = door.script(
        "long.py",
        f"import os, signal, time; {ignores} and signal.signal(15, signal.SIG_IGN)\n"
        "print('Content-Type: text/plain\\n', flush=True); open('pid', 'w').write(str(os.getpid()))\n"
        "os.rename('pid', 'ready'); time.sleep(60)",
    )
    process = door.begin(script)
    ready = door.root / "ready"
    until(ready.exists)
    process.send_signal(signal.SIGTERM)
    pid = int(ready.read_text())
    until(lambda: not alive(pid))
    process.communicate(timeout=10)


def test_output_comes_at_once(door: Alone) -> None:
    script = door.script(
        "stream.py",
        "#!/usr/bin/python3 -O\nimport os, time\nprint('Content-Type: a/b\\n\\nfirst', flush=True)\n"
        "while not os.path.exists('gate'): time.sleep(0.01)\nprint(__debug__)",
    )
    process = door.begin(script)
    assert process.stdout
    begun = b""
    while b"first" not in begun:
        begun += os.read(process.stdout.fileno(), 1000)
    (door.root / "gate").touch()
    assert process.communicate(timeout=10)[0] == b"False\n"


def test_a_wrong_setting(door: Alone) -> None:
    (door.root / "cgicompat.toml").write_text("timeout = -1")
    assert door.ask(door.script("show.py", SHOW)).status == 500
    assert "timeout = -1" in door.errors


def test_as_the_pool_does(door: Alone, tmp_path: Path) -> None:
    """Whether it runs or not, a script gets the same."""
    script = door.script("show.py", SHOW)
    alone = door.ask(script)
    with_pool = Scgi("fork", tmp_path, TOML)
    try:
        assert door.ask(script, CGICOMPAT_SOCKET=f"unix:{with_pool.socket}").body == alone.body
    finally:
        with_pool.stop()
    assert door.ask(script, CGICOMPAT_SOCKET=f"unix:{with_pool.socket}").body == alone.body
    assert "running here instead" in door.errors


# Where the file is


def test_named_by_variables(door: Alone, tmp_path: Path) -> None:
    script = door.script("show.py", SHOW)
    other = tmp_path / "other.toml"
    other.write_text('env = { APP_DB = "other.db" }')
    assert shown(door.ask(script, CGICOMPAT_CONFIG=str(other)))["APP_DB"] == "other.db"
    (door.root / "cgicompat.toml").unlink()
    assert shown(door.ask(script))["APP_DB"] == "None"
    assert shown(door.ask(script, CGICOMPAT_CONFIG=str(other)))["APP_DB"] == "other.db"
    named = {"CGICOMPAT_DIRECTORY": str(door.root), "CGICOMPAT_CONFIG": str(other)}
    assert shown(door.ask(script, **named))["APP_DB"] == "other.db"


def test_the_next_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "home" / "site" / "cgi-bin" / "x.py"
    script.parent.mkdir(parents=True)
    script.touch()
    monkeypatch.delenv("CGICOMPAT_DIRECTORY", raising=False)
    monkeypatch.setenv("DOCUMENT_ROOT", "/elsewhere")
    assert configured_directory(str(script)) == ""
    (tmp_path / "home" / "cgicompat.toml").touch()
    assert configured_directory(str(script)) == str(tmp_path / "home")
    (tmp_path / "home" / "site" / "cgicompat.toml").touch()
    assert configured_directory(str(script)) == str(tmp_path / "home" / "site")
    monkeypatch.setenv("DOCUMENT_ROOT", str(tmp_path / "home"))  # which a pool would serve
    assert configured_directory(str(script)) == str(tmp_path / "home")
    monkeypatch.setenv("REDIRECT_CGICOMPAT_DIRECTORY", "/named")
    assert configured_directory(str(script)) == "/named"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_somebody_elses_is_not_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "mine" / "x.py"
    script.parent.mkdir()
    script.touch()
    monkeypatch.delenv("DOCUMENT_ROOT", raising=False)
    (tmp_path / "cgicompat.toml").touch()
    os.chown(tmp_path / "cgicompat.toml", 12345, 12345)
    assert configured_directory(str(script)) == ""


# Behind a real server


@pytest.fixture
def apache(home: Path) -> Iterator[ApacheAction]:
    door = ApacheAction("fork", home / "configured", TOML)
    yield door
    door.stop()


def test_behind_apache(apache: ApacheAction) -> None:
    site = Site(apache, "site")
    found = shown(site.get(site.script(SHOW.partition("\n")[2], head=False)))
    assert found["APP_DB"] == "production.db"
    assert str(apache.root) in found
    started = time.monotonic()
    assert site.get(site.script("import time; time.sleep(30)", "slow.py", head=False)).status == 504
    assert time.monotonic() - started < 10
