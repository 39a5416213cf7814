"""The clients of the ScriptAlias door, in Python and in C: nobody sees a difference."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.responder import Call, Responder
from tests.harness import clients
from tests.harness.processes import host_environ

HELLO = "print('Content-Type: text/plain\\n\\nrun here')\n"
ANSWER = b"Content-Type: text/plain\n\nfrom the pool\n"


@pytest.fixture(params=[lambda: clients.PYTHON, clients.alone, clients.in_c], ids=["python", "alone", "c"])
def program(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param()
    return path


@pytest.fixture
def pool(root: Path) -> Iterator[Responder]:
    """Answers each request, with ANSWER unless the test has another idea."""
    responder = Responder(str(root / "sock"))
    responder.script = lambda call: call.say(ANSWER)
    yield responder
    responder.close()


@pytest.fixture
def listener(root: Path) -> Iterator[socket.socket]:
    """A pool of which the test does everything itself."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "sock"))
        listener.listen()
        yield listener


class Web:
    """What a web server does with a client."""

    def __init__(self, program: Path, root: Path) -> None:
        self.program = program
        self.root = root
        self.script = root / "cgi-bin" / "x.py"
        self.script.write_text(HELLO)
        self.environ = {
            "PATH": host_environ()["PATH"],
            "LANG": "C.UTF-8",
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": "",
            "SCRIPT_NAME": "/cgi-bin/x.py",
            "SCRIPT_FILENAME": str(self.script),
            "DOCUMENT_ROOT": str(root),
            "CGICOMPAT_SOCKET": f"unix:{root}/sock",
        }

    def run(
        self, *arguments: str, body: bytes = b"", **variables: str | None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the client with these variables changed or, where None, taken away."""
        environ = {name: value for name, value in {**self.environ, **variables}.items() if value is not None}
        return subprocess.run(
            [self.program, *arguments],
            env=environ,
            input=body,
            capture_output=True,
            cwd=self.root,
            timeout=20,
        )

    def action(self, path: str) -> dict[str, str]:
        """The variables with which Apache's Action calls the client for a URL's path."""
        return {
            "SCRIPT_NAME": "/cgicompat",
            "SCRIPT_FILENAME": str(self.program),
            "PATH_INFO": path,
            "PATH_TRANSLATED": str(self.root) + path,
            "REDIRECT_HANDLER": "cgicompat",
            "REDIRECT_STATUS": "200",
            "REDIRECT_URL": path,
        }


@pytest.fixture
def web(program: Path, root: Path) -> Web:
    return Web(program, root)


def run_here(run: subprocess.CompletedProcess[bytes]) -> bool:
    return run.stdout.endswith(b"\n\nrun here\n") and run.returncode == 0


# What the pool gets


def test_the_environment_travels(web, pool):
    odd = {"HTTP_X": "caf\udce9 €\n", "EMPTY": "", "A": "b=c", "SCGI": "forged", "CGICOMPAT_GATEWAY": "1"}
    run = web.run("word", QUERY_STRING="word", **odd)
    assert (run.stdout, run.stderr, run.returncode) == (ANSWER, b"", 0)
    [call] = pool.calls
    environ = {name: value for name, value in web.environ.items() if name != "CGICOMPAT_SOCKET"}
    more = {"QUERY_STRING": "word", "CONTENT_LENGTH": "0", "HTTP_X": "caf\udce9 €\n", "EMPTY": "", "A": "b=c"}
    assert call.environ == {**environ, **more, "CGICOMPAT_ACCESS": "1"}


def test_of_two_values_the_first(web, pool):
    """Who has checked a variable has seen that one, as getenv has it."""
    # no shell and no Python hands an environment over like this
    code = (
        "import ctypes, os, sys; environ = [b'%s=%s' % pair for pair in os.environb.items()]; "
        "environ += [b'QUERY_STRING=second', b'no equals sign']; "
        "strings = lambda items: (ctypes.c_char_p * (len(items) + 1))(*items, None); "
        "ctypes.CDLL(None).execve(os.fsencode(sys.argv[1]), strings([b'x']), strings(environ))"
    )
    program, web.program = web.program, Path(sys.executable)
    run = web.run("-c", code, str(program), QUERY_STRING="first")
    assert run.stdout == ANSWER, run.stderr
    assert pool.calls[0].environ["QUERY_STRING"] == "first"


@pytest.mark.parametrize("size", [1, 65536, 65537, 3_000_000])
def test_a_body_and_its_echo(web, pool, size):
    pool.script = lambda call: call.say(ANSWER + call.body)
    body = os.urandom(size)
    run = web.run(body=body + b"not of this request", CONTENT_LENGTH=str(size))
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout == ANSWER + body


def test_a_large_environment(web, pool):
    run = web.run(**{f"HTTP_X_{number}": "v" * 1000 for number in range(100)})
    assert run.stdout == ANSWER
    assert [len(value) for name, value in pool.calls[0].environ.items() if name.startswith("HTTP_X_")] == [
        1000
    ] * 100


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}"])
def test_a_pool_at_a_port(web, form):
    family = socket.AF_INET6 if "[" in form else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind(("::1" if "[" in form else "127.0.0.1", 0))
        listener.listen()
        address = form.format(listener.getsockname()[1])
        client = subprocess.Popen([web.program], env={**web.environ, "CGICOMPAT_SOCKET": address}, stdout=-1)
        connection, _ = listener.accept()
        with connection:
            Call(connection).say(ANSWER)
        assert client.communicate(timeout=20)[0] == ANSWER


def test_apache_has_renamed_the_variable(web, pool):
    run = web.run(CGICOMPAT_SOCKET=None, REDIRECT_CGICOMPAT_SOCKET=pool.address)
    assert run.stdout == ANSWER
    assert "CGICOMPAT_SOCKET" not in "".join(pool.calls[0].environ)


def test_an_unusual_path_of_the_script(web, pool):
    for path in (f"{web.root}//cgi-bin/./x.py", f"{web.root}/cgi-bin/../cgi-bin/x.py", "cgi-bin/x.py"):
        assert web.run(SCRIPT_FILENAME=path).stdout == ANSWER
    assert {call.environ["SCRIPT_FILENAME"] for call in pool.calls} == {str(web.script)}


# Action


@pytest.mark.parametrize("extra", ["", "/", "/more/path", "/x.py"])
def test_action_names_the_script(web, pool, extra):
    assert web.run(**web.action("/cgi-bin/x.py" + extra)).stdout == ANSWER
    environ = pool.calls[0].environ
    assert environ["SCRIPT_FILENAME"] == str(web.script)
    assert environ["SCRIPT_NAME"] == "/cgi-bin/x.py"
    assert environ.get("PATH_INFO", "") == extra
    assert environ.get("PATH_TRANSLATED", "") == (f"{web.root}{extra}" if extra else "")


def test_action_without_a_pool(web):
    assert run_here(web.run(**web.action("/cgi-bin/x.py/more"), CGICOMPAT_SOCKET=None))


def test_action_names_nothing(web, pool):
    for path in ("/nothing/here", ""):
        run = web.run(**web.action(path))
        assert run.stdout.startswith(b"Status: 403 ")
        assert b"there is no script" in run.stderr
    assert not pool.calls


def test_called_by_its_own_url(web, pool):
    own = {"REDIRECT_STATUS": None, "REDIRECT_HANDLER": None, "REDIRECT_URL": None}
    run = web.run(**{**web.action("/cgi-bin/x.py"), **own})
    assert run.stdout.startswith(b"Status: 403 ")
    assert b"its own URL" in run.stderr
    assert not pool.calls


def test_called_by_the_location_of_a_script(web, pool):
    """To a file that the web server would send, not run."""
    other = {
        "REDIRECT_HANDLER": None,
        "REDIRECT_REDIRECT_HANDLER": "cgicompat",
        "REDIRECT_URL": "/cgicompat/cgi-bin/x.py",
    }
    run = web.run(**{**web.action("/page.txt"), **other})
    assert run.stdout.startswith(b"Status: 403 ")
    assert b"a Location" in run.stderr
    assert not pool.calls


# Without a pool


def test_no_pool_is_named(web):
    run = web.run(CGICOMPAT_SOCKET="")
    assert run_here(run)
    assert run.stderr == b""


@pytest.mark.parametrize(
    "address",
    ["unix:/nowhere/at/all", "unix:", "unix:" + "x" * 200, "127.0.0.1:1", "127.0.0.1", "nowhere", "[::1]:x"],
)
def test_no_pool_can_be_reached(web, address):
    run = web.run(CGICOMPAT_SOCKET=address)
    assert run_here(run)
    assert run.stderr.startswith(f"cgicompat-cgi: no pool at {address} (".encode())
    assert run.stderr.count(b"\n") == 1


def test_from_a_shell(web, pool):
    assert run_here(web.run(str(web.script), GATEWAY_INTERFACE=None, CGICOMPAT_SOCKET=None))
    run = web.run(GATEWAY_INTERFACE=None)
    assert (run.returncode, run.stdout) == (2, b"")
    assert b"Usage: cgicompat-cgi SCRIPT" in run.stderr


def test_the_first_line_of_a_script_names_it(web, pool):
    web.script.write_text(f"#!{web.program}\n{HELLO}")
    web.script.chmod(0o755)
    web.program = web.script
    assert web.run().stdout == ANSWER
    assert run_here(web.run(CGICOMPAT_SOCKET=None))


@pytest.mark.parametrize("configured", [False, True])
def test_the_first_line_of_a_script_has_an_option(web, root, configured):
    if not configured:
        (root / "cgicompat.toml").unlink()
    web.script.write_text(
        f"#!{web.program} -Ou\nimport sys\nprint('Content-Type: a/b\\n\\n', __debug__, *sys.argv)"
    )
    web.script.chmod(0o755)
    web.program = web.script
    run = web.run("a", "b", CGICOMPAT_SOCKET=None, QUERY_STRING="a+b")
    assert run.stdout == f"Content-Type: a/b\n\n False {web.script} a b\n".encode()


# What may happen on the way


def test_output_as_it_comes(web, pool):
    def script(call: Call) -> None:
        call.say(ANSWER)
        call.left(20)

    pool.script = script
    client = subprocess.Popen(
        [web.program], env=web.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert os.read(client.stdout.fileno(), 1000) == ANSWER
    client.terminate()  # as a web server does whose client has gone: the pool sees it
    client.communicate(timeout=20)


def test_the_web_server_does_not_listen(web, pool):
    def script(call: Call) -> None:
        while not call.left(0):
            try:
                call.say(ANSWER * 1000)
            except (BrokenPipeError, ConnectionResetError):
                return

    pool.script = script
    client = subprocess.Popen([web.program], env=web.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    client.stdout.close()
    assert b"the web server: " in client.communicate(timeout=20)[1]
    assert client.returncode == 1


def test_the_body_breaks_off(web, listener):
    run = web.run(body=b"abc", CONTENT_LENGTH="10")
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(100_000).endswith(b"\0,abc")
        assert connection.recv(1) == b""  # the pool is not kept waiting
    assert (run.returncode, run.stdout) == (1, b"")
    assert b"the client has gone" in run.stderr


@pytest.mark.parametrize("answer", [ANSWER, b""])
def test_the_pool_does_not_want_the_body(web, listener, answer):
    environ = {**web.environ, "CONTENT_LENGTH": "9999999"}
    client = subprocess.Popen([web.program], env=environ, stdin=-1, stdout=-1, stderr=-1)
    connection, _ = listener.accept()
    connection.sendall(answer)
    connection.close()
    out, _ = client.communicate(bytes(9_999_999), timeout=20)
    assert out == answer
    assert client.returncode == (0 if answer else 1)


@pytest.mark.parametrize("length", ["", "x", "-1", "1e3", "9" * 40, "9" * 5000])
def test_an_odd_length(web, listener, length):
    """The pool judges it; nothing hangs, and nothing is sent as a body that is none."""
    environ = {**web.environ, "CONTENT_LENGTH": length}
    client = subprocess.Popen([web.program], env=environ, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1)
    connection, _ = listener.accept()
    with connection:
        head = connection.recv(100_000)
    client.communicate(timeout=20)
    assert f":CONTENT_LENGTH\0{length or '0'}\0SCGI\0001\0".encode() in head
    assert head.endswith(b"\0,")


# The command that makes them


@pytest.fixture
def path(root: Path) -> Path:
    path = root / 'a"b\\n$é c' / "my-cgicompat-cgi-2"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("python", [True, False])
def test_make(root, path, pool, python):
    run = clients.make(path, "--socket", pool.address, *["--python"] * python, CC=clients.compiler())
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"Made {path}, in {'Python' if python else 'C'}.\n"
    assert path.stat().st_mode & 0o777 == 0o755
    assert path.read_bytes().startswith(b"#!") == python
    assert list(path.parent.iterdir()) == [path]
    web = Web(path, root)
    assert web.run(CGICOMPAT_SOCKET=None).stdout == ANSWER
    for nowhere in ("unix:/nowhere", "127.0.0.1:1", "[::1]:http", "localhost:1"):
        assert run_here(web.run(CGICOMPAT_SOCKET=nowhere))
    pool.close()
    gone = web.run(CGICOMPAT_SOCKET=None)
    assert run_here(gone)
    assert f"no pool at {pool.address} ".encode() in gone.stderr


@pytest.mark.parametrize(
    ("compiler", "problem"),
    [
        ("no-such-compiler", "No C compiler (no-such-compiler: No such file"),
        ("false", "false cannot compile it (exit status 1)"),
        ("true", "true cannot compile it (exit status 0)"),
    ],
)
def test_without_a_compiler(root, path, pool, compiler, problem):
    path.write_text("the one before")
    run = clients.make(path, CC=compiler)
    assert (run.returncode, run.stdout) == (0, f"Made {path}, in Python.\n")
    assert run.stderr.startswith(problem)
    assert "apt install gcc" in run.stderr
    assert list(path.parent.iterdir()) == [path]
    assert Web(path, root).run().stdout == ANSWER


def test_what_is_refused(path):
    for arguments, words in (
        ([str(path.parent / "other")], "its name must contain cgicompat-cgi"),
        ([str(clients.PYTHON)], "is what the new one needs"),
        ([str(path), "--socket", "here"], "must be unix:PATH or HOST:PORT"),
    ):
        run = clients.make(*arguments)
        assert run.returncode == 2
        assert words in run.stderr
    run = clients.make(path / "no" / "cgicompat-cgi")
    assert run.returncode == 1
    assert "cannot write" in run.stderr
    assert clients.PYTHON.read_bytes().startswith(b"#!")
