"""What is installed for cgicompat's sake alone is not there for scripts; what anybody else asked for is.

The environment is one of the test's own, with distributions that are little more than metadata.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.harness.processes import REPOSITORY, Server, host_environ

_OURS = ["one", "Two.Parts >=2", "multipart", "asked; python_version > '3'", "extra-of-ours; extra == 'x'"]
# Distribution: what it requires, and whether pip was told its name.
INSTALLED = {
    "cgicompat": (_OURS, True),
    "one": (["below", "shared"], False),
    "two_parts": (["below"], False),
    "below": ([], False),
    "multipart": ([], False),
    "asked": (["of_asked"], True),
    "of_asked": ([], False),
    "extra_of_ours": ([], False),
    "shared": ([], False),
    "other": (["shared[x] (>1); extra == 'y'"], False),
}
HIDDEN = {"one", "two_parts", "below", "multipart"}
NAMES = sorted(INSTALLED.keys() - {"cgicompat"})

SCRIPT = f"""#!/usr/bin/env python3
import cgi, importlib.util, os, sys
form = cgi.FieldStorage()
print("Content-Type: text/plain\\n")
for name in {NAMES}:
    try:
        found = importlib.util.find_spec(name)
        __import__(name)
        print(name, bool(found))
    except ModuleNotFoundError as error:
        print(error, bool(found), name in sys.modules)
import beside
print(beside.one.__file__)
print(len(form.getvalue("a", "")), "cgicompat._multipart" in sys.modules)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of such an environment. What cgicompat really requires it has from that of the tests."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python3*/site-packages")
    for name, (requires, told) in INSTALLED.items():
        folder = site / f"{name}-1.0.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", *(f"Requires-Dist: {other}" for other in requires)]
        (folder / "METADATA").write_text("\n".join([*lines, "", "Requires-Dist: asked"]))
        (folder / "INSTALLER").write_text("pip\n")
        file = f"{name}/__init__.py" if name == "one" else f"{name}.py"
        (folder / "RECORD").write_text(f"{file},sha256=x,1\n{name}-1.0.dist-info/RECORD,,\n")
        if told:
            (folder / "REQUESTED").touch()
        if name != "cgicompat":
            (site / file).parent.mkdir(exist_ok=True)
            (site / file).write_text("PushMultipartParser = None\n" if name == "multipart" else "")
    import multipart

    (site / "multipart.py").write_bytes(Path(multipart.__file__).read_bytes())
    ours = Path(multipart.__file__).parent  # of the tests, with what cgicompat really requires
    (site / "ours.pth").write_text(f"{REPOSITORY}\n{ours}\n")
    return home / "bin" / "python"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "cgi-bin"
    (folder / "lib" / "one").mkdir(parents=True)
    (folder / "lib" / "one" / "__init__.py").touch()
    # One's own package of such a name is found, as ever.
    (folder / "beside.py").write_text(
        "import os, sys\nsys.path.insert(0, os.path.dirname(__file__) + '/lib')\nimport one\n"
    )
    script = folder / "script.py"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    return tmp_path


def said(root: Path, hidden: set[str], size: int) -> list[str]:
    lines = [f"No module named '{name}' False False" if name in hidden else f"{name} True" for name in NAMES]
    return [
        *lines,
        f"{root}/cgi-bin/lib/one/__init__.py" if hidden else "",
        f"{size} {bool(hidden and size)}",
    ]


def environ() -> dict[str, str]:
    return {name: value for name, value in host_environ().items() if name != "PYTHONPATH"}


@pytest.mark.parametrize("runner", ["cgi", "fork", "cgihandler"])
@pytest.mark.parametrize("hide", [True, False])
def test_from_the_shell(python: Path, root: Path, runner: str, hide: bool) -> None:
    flags = ["--runner", runner] + ([] if hide else ["--no-hide-dependencies"])
    command = [python, "-m", "cgicompat", "run", root / "cgi-bin" / "script.py", *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=environ(), check=False)
    lines = done.stdout.splitlines()
    expected = said(root, HIDDEN if hide else set(), 0)
    assert [lines[:-2], lines[-1]] == [expected[:-2], expected[-1]], done.stderr
    assert not hide or lines[-2] == expected[-2]


@pytest.mark.parametrize("runner", ["cgi", "fork", "cgihandler"])
def test_under_a_server(python: Path, root: Path, runner: str) -> None:
    """In a process that is used again too, and where `cgi` itself uses multipart for a large form."""
    command = [str(python), "-m", "cgicompat", "serve", str(root), "--port", "0", "--runner", runner]
    server = Server([*command, "--workers", "1"], root / "server", environ())
    port = int(server.says(r"http://127\.0\.0\.1:(\d+)")[1])
    body = f'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n{"x" * 200_000}\r\n--B--\r\n'
    for size in (0, 200_000, 200_000):
        connection = HTTPConnection("127.0.0.1", port)
        headers = {"Content-Type": "multipart/form-data; boundary=B"}
        if size:
            connection.request("POST", "/cgi-bin/script.py", body, headers)
        else:
            connection.request("GET", "/cgi-bin/script.py")
        assert connection.getresponse().read().decode().splitlines() == said(root, HIDDEN, size)
        connection.close()
    server.stop()


def test_at_the_cgi_door(python: Path, root: Path) -> None:
    """By itself, and where it obeys a cgicompat.toml."""
    script = root / "cgi-bin" / "script.py"
    request = {"GATEWAY_INTERFACE": "CGI/1.1", "SCRIPT_FILENAME": str(script), "REQUEST_METHOD": "GET"}
    for text, hidden in ((None, HIDDEN), ("", HIDDEN), ("hide-dependencies = false", set())):
        if text is not None:
            (root / "cgicompat.toml").write_text(text)
        command = [python, REPOSITORY / "bin" / "cgicompat-cgi"]
        env = {**environ(), **request}
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        assert done.stdout.splitlines()[2:][: len(NAMES)] == said(root, hidden, 0)[: len(NAMES)], done.stderr


@pytest.mark.parametrize("runner", ["cgi", "fork", "cgihandler"])
def test_who_needs_one_is_told_what_to_do(python: Path, root: Path, runner: str) -> None:
    (root / "cgi-bin" / "script.py").write_text("import below")
    command = [python, "-m", "cgicompat", "run", root / "cgi-bin" / "script.py", "--runner", runner]
    done = subprocess.run(command, capture_output=True, text=True, env=environ(), check=False)
    assert "ModuleNotFoundError: No module named 'below'\ncgicompat: below came with cgicompat" in done.stderr


def test_nothing_is_hidden_here() -> None:
    """What the tests themselves are told to install is no mere dependency of ours."""
    code = "import cgicompat.dependencies as d, os; print(*map(os.path.basename, d.hidden()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "requests", "lxml", "jinja2"} & {*done.stdout.split()}
