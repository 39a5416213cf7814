"""`cgicompat compare` by the real command: what it takes, prints, writes, and its exit status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cgicompat import config
from cgicompat.compare import configure
from cgicompat.compare.case import CompareError
from cgicompat.recordings.recording import Blob, Recording
from tests.compare.conftest import case, planted
from tests.harness.processes import REPOSITORY

ENV = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": "/", "LC_ALL": "C.UTF-8"}


def command(directory: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "cgicompat", "compare", *map(str, arguments)]
    return subprocess.run(call, cwd=directory, env=ENV, capture_output=True, text=True, timeout=50)


def result(directory: Path, *arguments: object) -> dict[str, Any]:
    done = command(directory, *arguments, "--json", "--repeat", "2")
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["same"] else 1)
    return found


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {script["path"]: script["verdict"] for script in found["scripts"]}


def write(directory: Path, name: str, source: str) -> str:
    file = directory / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)
    file.chmod(0o755)
    return name


def test_the_terminal(tmp_path: Path) -> None:
    planted(tmp_path, "same_hello", "differs_body")
    done = command(tmp_path, "--junit", "junit.xml", "--repeat", "2")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["script", "verdict", "reference", "fork", "cgihandler"]
    assert lines[1].startswith("/cgi-bin/differs_body.py  differs")
    assert "  differs: body, line 2: 'in a pool' in place of 'alone'" in lines
    assert lines[-1].startswith("1 of 2 scripts the same everywhere. Reference: plain CGI, Python 3.")
    suites = ET.parse(tmp_path / "junit.xml").getroot()
    cases = {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"]
        for case in suites.iter("testcase")
    }
    assert cases == {
        "GET /cgi-bin/differs_body.py under fork": ["failure"],
        "GET /cgi-bin/differs_body.py under cgihandler": ["failure"],
        "GET /cgi-bin/same_hello.py under fork": [],
        "GET /cgi-bin/same_hello.py under cgihandler": [],
    }
    assert [suite.get("failures") for suite in suites] == ["2", "0"]


def test_a_request_as_in_run(tmp_path: Path) -> None:
    source = "import os, sys\nprint('Content-Type: text/plain\\n')\n"
    source += "print(os.environ['REQUEST_METHOD'], os.environ['HTTP_X_A'], os.environ.get('PATH_INFO'))\n"
    source += "print(sys.stdin.read(), os.getcwd(), __file__, sorted(os.environ))"
    write(tmp_path, "cgi-bin/echo.py", source)
    found = result(tmp_path, "cgi-bin/echo.py/more", "-d", "a=1", "-H", "X-A: b")
    assert verdicts(found) == {"/cgi-bin/echo.py": "same everywhere"}
    assert found["scripts"][0]["requests"][0]["name"] == "POST /cgi-bin/echo.py/more"


def test_a_folder_of_scripts_belongs_to_the_directory_above(tmp_path: Path) -> None:
    planted(tmp_path, "same_hello")
    assert list(verdicts(result(REPOSITORY, tmp_path / "cgi-bin"))) == ["/cgi-bin/same_hello.py"]
    assert list(verdicts(result(REPOSITORY, tmp_path / "cgi-bin/same_hello.py"))) == [
        "/cgi-bin/same_hello.py"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--query", "a=1"], "options of a request need a SCRIPT"),
        (["nowhere.py"], "no such script"),
        (["--reference", "python2", "--reference-url", "http://x/"], "exclude each other"),
        (["--reference", "no-such-python"], "there is no program no-such-python"),
        (["--reference-url", "ftp://x/"], "allowed is http://"),
        (["--copy-limit", "much"], "allowed is a number of bytes"),
        (["--requests", "nowhere"], "nowhere: No such file"),
        (["--ignore", "("], "--ignore"),
        (["--runners", "fork,spoon"], "allowed are cgi, fork and cgihandler"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: list[str], said: str) -> None:
    planted(tmp_path, "same_hello")
    done = command(tmp_path, *arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_recorded_requests(tmp_path: Path) -> None:
    """Made elsewhere, of one script of two; the other gets a plain GET only where that is said."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir(), there.mkdir()
    planted(here, "same_hello", "same_counter")
    asked = case(there, "/cgi-bin/same_hello.py", "POST", b"x=1")
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for body in (b"x=1", b"x=2"):
        Recording(
            script=asked.script,
            environ=asked.environ,
            sent=Blob(body),
            output=Blob(b""),
            errors=Blob(b""),
            runner="cgi",
            status=0,
            time=1e9 + body[-1],
            seconds=0.1,
        ).save(str(recordings))
    plain, recorded = ["GET /cgi-bin/same_counter.py"], ["POST /cgi-bin/same_hello.py"] * 2
    for flags, expected in (((), [recorded]), (("--all",), [recorded, plain])):
        found = result(tmp_path, here, "--requests", recordings, *flags)
        names = [[request["name"] for request in script["requests"]] for script in found["scripts"]]
        assert names == expected
    done = command(tmp_path, here / "cgi-bin/same_counter.py", "--requests", recordings)
    assert (done.returncode, "is for these scripts" in done.stderr) == (1, True)


class Live(BaseHTTPRequestHandler):
    """An old machine: /cgi-bin/old.py as it always was."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(f"{self.command} {self.path} {self.headers['X-A']}")
        body = f"I am {self.headers['Host']}\n".encode()
        self.send_response(200, "Fine")
        self.send_header("content-type", "text/plain")
        self.send_header("X-Powered-By", "age")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def live() -> Iterator[str]:
    Live.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Live) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_live_server(tmp_path: Path, live: str) -> None:
    source = "import os\nprint('Content-Type: text/plain\\nX-Own: {}\\n\\nI am', os.environ['HTTP_HOST'])"
    write(tmp_path, "cgi-bin/old.py", source.replace("X-Own: {}\\n", ""))
    found = result(tmp_path, "cgi-bin/old.py", "--reference-url", live, "--query", "a=1", "-H", "X-A: b")
    assert found["same"], verdicts(found)
    assert set(Live.asked) == {"GET /cgi-bin/old.py?a=1 b"}
    assert list(found["scripts"][0]["runners"]) == ["cgi", "fork", "cgihandler"]
    write(tmp_path, "cgi-bin/old.py", source)
    assert verdicts(result(tmp_path, "cgi-bin/old.py", "--reference-url", live)) == {
        "/cgi-bin/old.py": "differs: header 'x-own: {}' is added"
    }
    done = command(tmp_path, "cgi-bin/old.py", "--reference-url", live, "-X", "POST")
    assert "--unsafe" in done.stderr
    assert "POST" not in str(Live.asked)


def _python_2() -> str | None:
    """One that works: a shim of pyenv's may not."""
    versions = Path("~/.pyenv/versions").expanduser().glob("2.7*/bin/python")
    for program in (shutil.which("python2.7"), *map(str, versions)):
        if program and subprocess.run([program, "-c", ""], capture_output=True).returncode == 0:
            return program
    return None


PYTHON_2 = _python_2()

OLD = """\
#!/usr/bin/python2.7
import cgi, os, sys
print "Content-Type: text/html; charset=utf-8"
print
form = cgi.FieldStorage()
names = {}
for name in form.keys():
    names[name] = form.getvalue(name).decode("utf-8")
print "<h1>%s</h1>" % cgi.escape(u"Gr\\xfc\\xdfe".encode("utf-8"))
for name in sorted(names.keys()):
    print "<p>%s: %s</p>" % (name, names[name].encode("utf-8"))
print 7 / 2, `len(names)`, 10L ** 20 % 7
visits = int(open("visits").read() if os.path.exists("visits") else 0) + 1
open("visits", "w").write("%d\\n" % visits)
try:
    raise ValueError, "old"
except ValueError, error:
    print >>sys.stdout, "caught", error
"""

NEW = """\
#!/usr/bin/python3
import cgi, html, os, sys
print("Content-Type: text/html; charset=utf-8")
print()
form = cgi.FieldStorage()
names = {}
for name in form.keys():
    names[name] = form.getvalue(name)
print("<h1>%s</h1>" % html.escape("Gr\\xfc\\xdfe"))
for name in sorted(names.keys()):
    print("<p>%s: %s</p>" % (name, names[name]))
print(7 // 2, repr(len(names)), 10 ** 20 % 7)
visits = int(open("visits").read() if os.path.exists("visits") else 0) + 1
open("visits", "w").write("%d\\n" % visits)
try:
    raise ValueError("old")
except ValueError as error:
    print("caught", error, file=sys.stdout)
"""


@pytest.mark.skipif(PYTHON_2 is None, reason="no Python 2.7 here")
def test_a_port_from_python_2(tmp_path: Path) -> None:
    write(tmp_path, "cgi-bin/guest.py", NEW)
    old = tmp_path / write(tmp_path, "old.py", OLD)
    arguments = ["cgi-bin/guest.py", "--reference", PYTHON_2, "--original", old]
    arguments += ["-d", "name=Ren%C3%A9", "-d", "city=K%C3%B6ln"]
    found = result(tmp_path, *arguments)
    assert verdicts(found) == {"/cgi-bin/guest.py": "same everywhere"}
    assert list(found["scripts"][0]["runners"]) == ["cgi", "fork", "cgihandler"]
    write(tmp_path, "cgi-bin/guest.py", NEW.replace("7 // 2", "7 / 2"))  # the usual mistake
    found = result(tmp_path, *arguments)
    assert verdicts(found)["/cgi-bin/guest.py"].startswith(
        "differs: body, line 4: '3.5 2 2' in place of '3 2 2'"
    )
    assert not (tmp_path / "cgi-bin" / "visits").exists()


def test_an_original_in_another_language(tmp_path: Path) -> None:
    write(tmp_path, "cgi-bin/x.py", "print('Content-Type: text/plain\\n\\nsaid')")
    source = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nsaid\\n'\n"
    old = tmp_path / write(tmp_path, "old.sh", source)
    os.chmod(old, 0o755)
    found = result(tmp_path, "cgi-bin/x.py", "--original", old)
    assert verdicts(found) == {"/cgi-bin/x.py": "same everywhere"}


def test_a_directory_of_originals(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.mkdir(), old.mkdir()
    source = "import helper\nprint('Content-Type: text/plain\\n\\n', helper.WORD, __file__)"
    for directory, word in ((new, "new"), (old, "old")):
        write(directory, "cgi-bin/x.cgi", "#!/usr/bin/python3\n" + source)
        write(directory, "cgi-bin/helper.py", f"WORD = {word!r}\n")
    found = result(new, "cgi-bin/x.cgi", "--original", old, "--reference", f"{sys.executable} -B")
    words = verdicts(found)["/cgi-bin/x.cgi"]
    assert words.startswith("differs: body, line 1: ' new ")
    assert words.count(f"{new}/cgi-bin/x.cgi") == 2  # both at the same path


CONFIGURATION = """\
# Written by hand.
timeout = 20  # seconds
put-back = "guards"  # which differs_next_call gets past

[script."/cgi-bin/same_hello.py"]  # the first page
# slow at times
timeout = 5
runner = 'cgi'  # for now

[script.'/cgi-bin/differs_body.py']
debug = true

[script."/cgi-bin/*"]
env = { A = "b" }
"""


def test_the_configuration(tmp_path: Path) -> None:
    planted(tmp_path, "same_hello", "differs_body", "differs_next_call", "unstable")
    file = tmp_path / config.FILE_NAME
    file.write_text(CONFIGURATION)
    file.chmod(0o640)
    done = command(tmp_path, "--write-config", "--repeat", "2")
    assert done.returncode == 1
    assert "now has the runners of 3 scripts; nothing is safe for /cgi-bin/unstable.py" in done.stdout
    settings = config.load(str(tmp_path), {}, {})
    runners = {
        name: settings.for_script(f"{tmp_path}/cgi-bin/{name}.py").runner
        for name in ("same_hello", "differs_body", "differs_next_call", "unstable")
    }
    assert runners.pop("same_hello") in ("fork", "cgihandler")
    assert runners == {"differs_body": "cgi", "differs_next_call": "fork", "unstable": "auto"}
    text = file.read_text()
    for line in CONFIGURATION.replace("runner = 'cgi'  # for now\n", "").splitlines():
        assert line in text
    assert "# for now" in text
    assert text.count("[script.") == 4
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "text",
    [
        'script."/a.py".runner = "cgi"\n',  # not as sections
        'script = { "/a.py" = { runner = "cgi" } }\n',
        '[script."/a.py"]\nrunner = "cgi"\n\n[script."/*"]\nrunner = "cgi"\n',  # a later one wins
        "not TOML",
    ],
)
def test_what_cannot_be_edited_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / config.FILE_NAME
    file.write_text(text)
    with pytest.raises(CompareError, match="by hand"):
        configure.write(str(file), str(tmp_path), {f"{tmp_path}/a.py": "cgihandler"})
    assert file.read_text() == text
    assert os.listdir(tmp_path) == [config.FILE_NAME]


def test_names_that_need_quotes(tmp_path: Path) -> None:
    script = f'{tmp_path}/a "b" \\ ü.py'
    file = tmp_path / config.FILE_NAME
    for runner in ("cgihandler", "cgi"):
        configure.write(str(file), str(tmp_path), {script: runner})
        assert config.load(str(tmp_path), {}, {}).for_script(script).runner == runner
    assert file.read_text().count("[script.") == 1


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(CompareError, match="not UTF-8"):
        configure.write(str(tmp_path / config.FILE_NAME), str(tmp_path), {f"{tmp_path}/\udcff.py": "cgi"})


def test_html_needs_jinja2(tmp_path: Path) -> None:
    planted(tmp_path, "same_hello")
    code = "import sys; sys.modules['jinja2'] = None\nfrom cgicompat.cli import main\n"
    code += "sys.argv = ['cgicompat', 'compare', '--html', 'x.html']; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=ENV, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "Error: --html needs jinja2: pip install 'cgicompat[html]'\n"
