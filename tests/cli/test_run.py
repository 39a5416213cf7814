"""One request from the shell, by the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ENV = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "HOME": "/", "LC_ALL": "C.UTF-8"}

DUMP = """\
import os, sys
body = sys.stdin.buffer.read()
print("Content-Type: text/plain\\n")
for name in sorted(os.environ):
    print(f"{name}={os.environ[name]}")
print("argv=" + repr(sys.argv[1:]))
sys.stdout.flush()
sys.stdout.buffer.write(b"body=" + body)
"""


class Shell:
    """A directory in which commands run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def script(self, source: str, name: str = "cgi-bin/x.py", mode: int = 0o755) -> str:
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        file.chmod(mode)
        return name

    def run(self, *arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "cgicompat", "run", *arguments]
        options = {"cwd": self.directory, "env": ENV, "stdin": subprocess.DEVNULL, **kwargs}
        if "input" in options:
            del options["stdin"]
        return subprocess.run(command, capture_output=True, check=False, timeout=30, **options)

    def dump(self, *arguments: str, **kwargs: Any) -> dict[str, str]:
        """What the script saw, and "body"."""
        self.script(DUMP)
        run = self.run(*arguments, **kwargs)
        assert (run.returncode, run.stderr) == (0, b"")
        text, _, body = run.stdout.decode("utf-8", "surrogateescape").partition("\nbody=")
        return {**dict(line.split("=", 1) for line in text.splitlines()), "body": body}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path.resolve())


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_the_body_alone_or_with_its_head(shell: Shell, runner: str) -> None:
    script = shell.script(
        "print('Content-Type: text/plain\\nX-Kind: new\\nStatus: 404 Gone Fishing\\n\\nhi')"
    )
    assert shell.run(script, "--runner", runner).stdout == b"hi\n"
    head = b"HTTP/1.1 404 Gone Fishing\r\nContent-Type: text/plain\r\nX-Kind: new\r\n\r\nhi\n"
    assert shell.run(script, "-i", "--runner", runner).stdout == head
    assert shell.run(script, "-i", "-X", "HEAD").stdout == head.removesuffix(b"hi\n")


def test_a_plain_request(shell: Shell) -> None:
    saw = shell.dump("cgi-bin/x.py")
    assert saw["REQUEST_METHOD"] == "GET"
    assert saw["SCRIPT_NAME"] == saw["REQUEST_URI"] == "/cgi-bin/x.py"
    assert saw["SCRIPT_FILENAME"] == f"{shell.directory}/cgi-bin/x.py"
    assert saw["DOCUMENT_ROOT"] == str(shell.directory)
    assert saw["QUERY_STRING"] == ""
    assert saw["HTTP_HOST"] == saw["SERVER_NAME"] == "localhost"
    assert saw["body"] == ""
    assert not {"PATH_INFO", "CONTENT_LENGTH", "CONTENT_TYPE", "HOME", "PYTHONPATH"} & set(saw)


def test_path_info_and_query(shell: Shell) -> None:
    saw = shell.dump(
        "./cgi-bin/x.py/a b//c/", "--query", "q=J. Dö & Co", "--query", "n=1", "--query", "+raw%20+"
    )
    assert saw["PATH_INFO"] == "/a b//c/"
    assert saw["PATH_TRANSLATED"] == f"{shell.directory}/a b//c/"
    assert saw["QUERY_STRING"] == "q=J.%20D%C3%B6%20%26%20Co&n=1&raw%20+"
    assert saw["REQUEST_URI"] == "/cgi-bin/x.py/a%20b//c/?" + saw["QUERY_STRING"]


def test_words_of_a_query_become_arguments(shell: Shell) -> None:
    assert shell.dump("cgi-bin/x.py", "--query", "+a+b%20c")["argv"] == "['a', 'b c']"


def test_form_data(shell: Shell) -> None:
    (shell.directory / "data.txt").write_bytes(b"b=2\r\n&c=3\n")
    saw = shell.dump("cgi-bin/x.py", "--data", "a=1 x", "-d", "@data.txt", "-d", "@-", input=b"d=4")
    assert saw["body"] == "a=1 x&b=2&c=3&d=4"
    assert saw["REQUEST_METHOD"] == "POST"
    assert saw["CONTENT_TYPE"] == "application/x-www-form-urlencoded"
    assert saw["CONTENT_LENGTH"] == "17"


def test_multipart(shell: Shell) -> None:
    (shell.directory / "a;b.png").write_bytes(b"\0\r\n--")
    saw = shell.dump(
        "cgi-bin/x.py",
        "-F",
        'na"me=v;type=x',
        "-F",
        "f=@a;b.png",
        "-F",
        "g=@a;b.png;type=x/y;filename=ä",
        "-F",
        "t=<a;b.png",
    )
    assert saw["REQUEST_METHOD"] == "POST"
    kind, boundary = saw["CONTENT_TYPE"].split("; boundary=")
    assert kind == "multipart/form-data"
    assert int(saw["CONTENT_LENGTH"]) == len(saw["body"].encode())
    assert saw["body"].split(f"--{boundary}") == [
        "",
        '\r\nContent-Disposition: form-data; name="na%22me"\r\n\r\nv;type=x\r\n',
        '\r\nContent-Disposition: form-data; name="f"; filename="a;b.png"\r\n'
        "Content-Type: image/png\r\n\r\n\0\r\n--\r\n",
        '\r\nContent-Disposition: form-data; name="g"; filename="ä"\r\nContent-Type: x/y\r\n\r\n\0\r\n--\r\n',
        '\r\nContent-Disposition: form-data; name="t"\r\n\r\n\0\r\n--\r\n',
        "--\r\n",
    ]


def test_a_body_from_a_file_or_a_pipe(shell: Shell) -> None:
    (shell.directory / "body").write_bytes(b"x" * 100_000)
    saw = shell.dump("cgi-bin/x.py", "--body", "body", "-X", "PUT", "-H", "Content-Type: text/x-thing")
    assert (saw["REQUEST_METHOD"], saw["CONTENT_TYPE"]) == ("PUT", "text/x-thing")
    assert (saw["CONTENT_LENGTH"], saw["body"]) == ("100000", "x" * 100_000)
    saw = shell.dump("cgi-bin/x.py", "--body", "-", input=b"piped")
    assert (saw["REQUEST_METHOD"], saw["CONTENT_LENGTH"], saw["body"]) == ("POST", "5", "piped")
    saw = shell.dump("cgi-bin/x.py", "--body", "/dev/null")
    assert (saw["CONTENT_LENGTH"], saw["body"]) == ("0", "")


def test_headers(shell: Shell) -> None:
    headers = ["-H", "Host: a.org:81", "-H", "Cookie: a=1", "--header", "Cookie: b=2", "-H", "Accept:"]
    saw = shell.dump("cgi-bin/x.py", *headers, "-H", "Authorization: Basic x")
    assert (saw["HTTP_HOST"], saw["SERVER_NAME"], saw["SERVER_PORT"]) == ("a.org:81", "a.org", "81")
    assert saw["HTTP_COOKIE"] == "a=1; b=2"
    assert not {"HTTP_ACCEPT", "HTTP_AUTHORIZATION"} & set(saw)
    saw = shell.dump("cgi-bin/x.py", "-H", "Authorization: Basic x", "--pass-authorization")
    assert saw["HTTP_AUTHORIZATION"] == "Basic x"


def test_settings_of_the_directory(shell: Shell) -> None:
    (shell.directory / "cgicompat.toml").write_text(
        'env = {A = "all"}\n[script."/cgi-bin/x.py"]\nenv = {B = "x"}'
    )
    saw = shell.dump("cgi-bin/x.py", "--env", "C=flag", "--env", "HOME")
    assert (saw["A"], saw["B"], saw["C"], saw["HOME"]) == ("all", "x", "flag", "/")
    elsewhere = shell.dump("--directory", str(shell.directory), f"{shell.directory}/cgi-bin/x.py", cwd="/")
    assert (elsewhere["B"], elsewhere["SCRIPT_NAME"]) == ("x", "/cgi-bin/x.py")
    alone = shell.dump(f"{shell.directory}/cgi-bin/x.py", cwd="/usr")
    assert alone["SCRIPT_NAME"] == "/x.py"
    assert "A" not in alone


def test_variables_of_apaches_configuration(shell: Shell) -> None:
    file = shell.directory / ".htaccess"
    file.write_text("SetEnv A all\nSetEnvIf Request_URI x.py B=$0\n")
    saw = shell.dump("cgi-bin/x.py")
    assert (saw["A"], saw["B"]) == ("all", "x.py")
    file.write_text("SetEnv A all\nNonsense\n")
    run = shell.run("cgi-bin/x.py")
    assert run.stderr.startswith(
        f"A server would answer with 500: {file}:2: Nonsense: not known here".encode()
    )
    assert run.returncode == 0


def test_a_script_in_another_language(shell: Shell) -> None:
    script = shell.script("#!/bin/sh\necho Content-Type: text/plain\necho\ncat\nexit 7\n", "x.sh")
    run = shell.run(script, "-d", "text")
    assert (run.stdout, run.returncode) == (b"text", 7)


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit('oh')", 1),
        ("1 / 0", 1),
        ("os.kill(os.getpid(), 9)", 137),
        ("os._exit(5)", 5),
    ],
)
def test_the_exit_status_is_the_scripts(shell: Shell, runner: str, end: str, status: int) -> None:
    script = shell.script(f"import os, sys\nprint('Content-Type: text/plain\\n\\nhi', flush=True)\n{end}")
    run = shell.run(script, "--runner", runner)
    assert (run.stdout, run.returncode) == (b"hi\n", status)
    assert (b"ZeroDivisionError" in run.stderr) == (end == "1 / 0")


def test_a_bad_response(shell: Shell) -> None:
    run = shell.run(shell.script("print('<html>')\nprint('no header')"))
    assert (run.stdout, run.returncode) == (b"", 0)
    assert run.stderr.startswith(b"Not a CGI response: malformed header: '<html>'")


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_no_response_at_all(shell: Shell, runner: str) -> None:
    run = shell.run(shell.script("pass"), "--runner", runner)
    assert (run.returncode, b"no output" in run.stderr) == (0, True)


def test_a_header_without_a_type(shell: Shell) -> None:
    run = shell.run(shell.script("print('X: y\\n\\npage')"))
    assert (run.stdout, run.returncode) == (b"page\n", 0)
    assert run.stderr.startswith(b"No Content-Type in its header")


def test_a_local_redirect_is_not_followed(shell: Shell) -> None:
    run = shell.run(shell.script("print('Location: /other?x\\n')"))
    assert (run.stdout, run.returncode) == (b"", 0)
    assert run.stderr == b"A server would now answer with /other?x, from the Location.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.py"], "Error: nothing.py: no such script"),
        (["cgi-bin"], "Error: cgi-bin: is a directory, not a script"),
        (["cgi-bin/x.py", "--body", "nothing"], "Error: nothing: No such file or directory"),
        (["cgi-bin/x.py", "--body", "cgi-bin"], "Error: cgi-bin: Is a directory"),
        (["cgi-bin/x.py", "-d", "@nothing"], "Error: nothing: No such file or directory"),
        (["cgi-bin/x.py", "-F", "x=@nothing"], "Error: nothing: No such file or directory"),
        (
            ["cgi-bin/x.py", "-F", "x"],
            "value for --form: 'x': allowed is NAME=VALUE or NAME=@FILE",
        ),
        (["cgi-bin/x.py", "-H", "x"], "Error: Invalid value for --header: 'x': allowed is 'NAME: VALUE'"),
        (["cgi-bin/x.py", "-d", "x", "-F", "x=y"], "Error: --data, --form and --body exclude each other"),
        (
            ["cgi-bin/x.py", "--timeout", "x"],
            "--timeout = 'x': allowed is a number of seconds above 0",
        ),
        (["cgi-bin/x.py", "--directory", "/usr"], "Error: cgi-bin/x.py is not in /usr"),
        (
            ["cgi-bin/x.py", "--directory", "/nothing"],
            "/nothing: no such directory; name",
        ),
    ],
)
def test_mistakes(shell: Shell, arguments: list[str], message: str) -> None:
    shell.script(DUMP)
    run = shell.run(*arguments)
    assert (run.stdout, run.returncode) == (b"", 2)
    assert message in run.stderr.decode()
    assert "Traceback" not in run.stderr.decode()


def test_output_comes_as_it_is_flushed(shell: Shell) -> None:
    os.mkfifo(shell.directory / "fifo")
    source = "print('Content-Type: text/plain\\n\\nfirst', flush=True)\nprint(open('../fifo').read())"
    command = [sys.executable, "-m", "cgicompat", "run", shell.script(source), "--timeout", "20"]
    with subprocess.Popen(command, cwd=shell.directory, env=ENV, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"first\n"
        (shell.directory / "fifo").write_text("second")  # the script waits for it
        assert process.stdout.read() == b"second\n"
    assert process.returncode == 0


@pytest.mark.parametrize("runner", ["cgi", "fork", "cgihandler"])
def test_a_failure_of_the_runner_is_told_and_no_crash(shell: Shell, runner: str) -> None:
    """Python's own end would call functions of ours that it has taken to pieces."""
    script = shell.script("import gc\ngc.collect = None\nprint('Content-Type: text/plain\\n\\nfine')\n")
    run = shell.run(script, "--runner", runner)
    assert (run.returncode, run.stdout) in ((0, b"fine\n"), (1, b"fine\n"), (70, b"fine\n")), run
