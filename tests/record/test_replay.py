"""`cgicompat replay`: what was recorded is asked again, of a runner, of a server, or under the debugger."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cgicompat.cli.group import group
from cgicompat.recordings.recording import KEPT, Blob, Recording, digest
from tests.harness.processes import Server, host_environ

HEAD = "print('Content-Type: text/plain\\n')\n"


class Place:
    """A directory of scripts and one of recordings."""

    def __init__(self, home: Path) -> None:
        self.home = Path(os.path.realpath(home))
        self.root = self.home / "www"
        self.recordings = self.home / "recordings"
        (self.root / "cgi-bin").mkdir(parents=True)
        self.recordings.mkdir()

    def script(self, source: str, name: str = "script.py") -> Path:
        file = self.root / "cgi-bin" / name
        file.write_text(HEAD + source)
        return file

    def record(self, body: str | bytes, name: str = "script.py", **values: object) -> Recording:
        """A recording of an answer with this body."""
        data = b"Content-Type: text/plain\n\n" + (body.encode() if isinstance(body, str) else body)
        environ = {
            "REQUEST_METHOD": "GET",
            "REQUEST_URI": f"/cgi-bin/{name}",
            "SCRIPT_NAME": f"/cgi-bin/{name}",
            "SCRIPT_FILENAME": str(self.root / "cgi-bin" / name),
            "DOCUMENT_ROOT": str(self.root),
            "QUERY_STRING": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            **values.pop("environ", {}),
        }
        usual = {
            "script": str(self.root / "cgi-bin" / name),
            "environ": environ,
            "sent": Blob(b""),
            "output": Blob(data),
            "errors": Blob(b""),
            "runner": "fork",
            "status": 0,
            "time": time.time(),
            "seconds": 0.1,
        }
        made = Recording(**{**usual, **values})
        made.save(str(self.recordings))
        return made

    def replay(self, *flags: str) -> Result:
        return CliRunner().invoke(
            group, ["replay", str(self.recordings), "--directory", str(self.root), *flags]
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("runner", ["cgi", "fork", "cgihandler"])
def test_the_same(place, runner):
    place.script("import os, sys\nprint(os.environ['QUERY_STRING'], sys.stdin.read())")
    for number in range(2):
        sent = Blob(b"12\n3")
        environ = {"QUERY_STRING": f"n={number}", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "4"}
        place.record(f"n={number} 12\n3\n", sent=sent, environ=environ)
    result = place.replay("--runner", runner)
    assert result.output.count("same      POST /cgi-bin/script.py") == 2
    assert result.output.endswith("\n2 the same\n")
    assert result.exit_code == 0


def test_different(place):
    place.script("print('one')\nprint('three')\nimport sys; sys.exit(2)")
    made = place.record("one\ntwo\n", masked=("HTTP_COOKIE",))
    result = place.replay()
    assert result.output.splitlines()[1:] == [
        f"  {made.path}",
        "  body",
        "    - two",
        "    + three",
        "  exit status",
        "    - 0",
        "    + 2",
        "  Masked in the recording: HTTP_COOKIE",
        "1 different",
    ]
    assert result.exit_code == 1


def test_times_and_what_is_random_do_not_count(place):
    place.script("import random, time\nprint('at', time.ctime())\nprint('id', random.random())\nprint('end')")
    place.record("at Sat Jan  3 10:00:00 2015\nid 0.123\nend\n")
    result = place.replay("--verbose")
    assert result.exit_code == 0, result.output
    assert "    ~ id 0." in result.output


def test_masked_headers(place):
    file = place.script("")
    file.write_text("print('Set-Cookie: sid=12345; Path=/\\nContent-Type: text/plain\\n\\nok')")
    made = place.record("")
    made.output = Blob(b"Set-Cookie: sid=abc; Path=/\nContent-Type: text/plain\n\nok\n")
    os.unlink(made.path)
    made.mask()
    made.save(str(place.recordings))
    assert place.replay().exit_code == 0


def test_long_answers(place):
    place.script(f"print('x' * {KEPT} + 'end')")
    whole = b"Content-Type: text/plain\n\n" + b"x" * KEPT + b"end\n"
    cut = Blob(whole[:KEPT], len(whole), digest(whole[KEPT:]))
    place.record("", output=cut)
    assert place.replay().exit_code == 0
    place.script(f"print('x' * {KEPT} + 'END')")
    result = place.replay()
    assert "rest of the body" in result.output
    assert result.exit_code == 1


def test_what_cannot_be_sent(place):
    place.script("")
    place.record("", "gone.py")
    place.record("", sent=Blob(b"x", 5, "00"))
    result = place.replay()
    assert f"{place.root}/cgi-bin/gone.py is not there any more in {place.root}" in result.output
    assert "only 1 of 5 bytes of the request's body were kept" in result.output
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "2 not sent")


def test_files_are_changed_only_in_place(place):
    script = "n = int(open('count').read()) + 1\nopen('count', 'w').write(str(n))\nprint(n)"
    place.script(script)
    count = place.root / "cgi-bin" / "count"
    count.write_text("1")
    place.record("2\n")
    assert (place.replay().exit_code, count.read_text()) == (0, "1")
    assert (place.replay("--in-place").exit_code, count.read_text()) == (0, "2")


def test_scripts_by_a_handler(place):
    (place.root / ".htaccess").write_text("AddHandler cgi-script .foo\nSetEnv GREETING hello\n")
    script = place.root / "x.foo"
    script.write_text(f"#!/usr/bin/env python3\nimport os\n{HEAD}print(os.environ['GREETING'])")
    script.chmod(0o755)
    place.record("hello\n", script=str(script), environ={"SCRIPT_NAME": "/x.foo"})
    assert place.replay().output.endswith("1 the same\n")
    (place.root / ".htaccess").unlink()
    assert "not a script of" in place.replay().output


def test_scripts_that_have_moved(place):
    place.script("import os\nprint(os.environ['DOCUMENT_ROOT'])")
    place.record("/old\n", script="/old/cgi-bin/script.py", environ={"DOCUMENT_ROOT": "/old"})
    result = place.replay()
    assert f"    + {place.root}" in result.output


def test_a_server(place):
    place.script("import os\nprint(os.environ['REQUEST_METHOD'], os.environ['HTTP_X_ONE'])")
    for method in ("GET", "POST"):
        place.record(f"{method} 1\n", environ={"REQUEST_METHOD": method, "HTTP_X_ONE": "1"})
    command = [sys.executable, "-m", "cgicompat", "serve", str(place.root), "--port", "0"]
    server = Server(command, place.home, host_environ())
    url = server.says(r"http://127\.0\.0\.1:\d+")[0]
    result = place.replay("--url", url)
    assert "left out  POST /cgi-bin/script.py" in result.output
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "1 the same, 1 left out")
    result = place.replay("--url", url, "--unsafe")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "2 the same")
    server.stop()


@pytest.mark.parametrize(
    "script",
    [
        "/bin/sh",
        "{root}/cgi-bin/../../outside.py",
        "{root}/../outside.py",
        "{root}/helper.py",
        "{root}/page.html",
        "{root}/cgi-bin/script.py~",
    ],
)
@pytest.mark.parametrize("root", ["{root}", "/", "/bin"])
@pytest.mark.parametrize("flags", [(), ("--in-place",), ("--pdb",)])
def test_only_scripts_of_the_directory_run(place, script, root, flags):
    """Those that a request would reach, whatever a recording names."""
    place.script("")
    for file in ("../outside.py", "helper.py", "page.html", "cgi-bin/script.py~"):
        (place.root / file).write_text(f"open({str(place.home / 'proof')!r}, 'w')")
    script, root = (text.format(root=place.root) for text in (script, root))
    environ = {"DOCUMENT_ROOT": root, "QUERY_STRING": f"touch+{place.home}/proof"}
    place.record("", script=script, environ=environ)
    result = place.replay(*flags)
    assert result.exit_code == 1
    assert f"a script of {place.root}" in result.output or f"any more in {place.root}" in result.output
    assert not (place.home / "proof").exists()


@pytest.mark.parametrize("runner", ["cgi", "fork"])
def test_variables_of_a_request_alone(place, runner):
    """What changes how programs are found or started is the configuration's."""
    bad = ["PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "IFS", "ENV", "BASH_ENV"]
    bad += ["PERL5LIB", "RUBYOPT", "HTTP_PROXY", "SSL_CERT_FILE", "TMPDIR", "APP_DB", "HOME"]
    place.script(f"import os\nprint(*[name for name in {bad} if os.environ.get(name) == '/evil'])")
    good = ["HTTP_X_ONE", "REMOTE_USER", "UNIQUE_ID", "REDIRECT_STATUS", "SSL_CLIENT_S_DN"]
    place.script(f"import os\nprint(*[os.environ[name] for name in {good}])", "good.py")
    place.record("\n", environ=dict.fromkeys(bad, "/evil"))
    place.record("1 1 1 1 1\n", "good.py", environ=dict.fromkeys(good, "1"))
    assert place.replay("--runner", runner).output.endswith("2 the same\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there are no recordings in this directory"),
        ("{", "not a recording of a request (JSONDecodeError"),
        ('{"format": "cgicompat recording 9"}', "made by another version: format 'cgicompat recording 9'"),
        ('{"format": "cgicompat recording 1"}', "not a recording of a request (KeyError: 'script')"),
    ],
)
def test_no_recordings(place, content, message):
    if content:
        (place.recordings / "x.json").write_text(content)
    result = place.replay()
    assert result.exit_code == 2
    assert message in result.output


# Under the debugger


def debug(place: Place) -> list[str]:
    """The command line."""
    command = [sys.executable, "-m", "cgicompat", "replay", str(place.recordings)]
    return [*command, "--pdb", "--directory", str(place.root)]


def at_a_terminal(place: Place, *typed: str) -> str:
    """What a terminal shows where replay --pdb runs in it and this is typed, at each prompt one line."""
    command = debug(place)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, host_environ())
    shown, lines = b"", list(typed)
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        shown += data
        if shown.endswith(b"(Pdb) ") and lines:
            os.write(terminal, lines.pop(0).encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    text = re.sub(r"\x1b\[[\d;]*m", "", shown.decode()).replace("\r\n", "\n")
    return text + f"[{os.waitstatus_to_exitcode(status)}]"


def test_post_mortem(place):
    place.script("import sys\n\ndef find(text):\n    return {}[text]\n\nfind(sys.stdin.read())")
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "5"}
    place.record("", sent=Blob(b"apple"), environ=environ, status=1)
    shown = at_a_terminal(place, "p 'the ' + text", "q")
    assert "KeyError: 'apple'" in shown
    assert "script.py(5)find()" in shown
    assert "'the apple'" in shown
    assert shown.endswith("[1]")


def test_breakpoint(place):
    place.script("import cgi\nform = cgi.FieldStorage()\nbreakpoint()\nprint(form.getvalue('a'))")
    place.record("", environ={"QUERY_STRING": "a=found"})
    shown = at_a_terminal(place, "p form['a'].value * 2", "c")
    assert "'foundfound'" in shown
    assert "\nfound\n" in shown
    assert shown.endswith("[0]")


def test_the_debugger_needs_a_terminal_and_one_recording(place):
    place.script("")
    place.record("")
    run = subprocess.run(
        debug(place), capture_output=True, text=True, env=host_environ(), start_new_session=True
    )
    assert (run.returncode, run.stderr) == (1, "Error: --pdb needs a terminal\n")
    place.record("")
    assert place.replay("--pdb").output == "Error: --pdb takes one recording, and these are 2\n"
