"""What start-up finds in a directory, and what it says of scripts that cannot run."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cgicompat import config
from cgicompat.survey import Survey, diagnose, misplaced, survey


def put(directory: Path, name: str, content: str | bytes, mode: int = 0o755) -> str:
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(mode)
    return str(file)


def problem(directory: Path, name: str, content: str | bytes, mode: int = 0o755) -> str:
    return diagnose(put(directory, name, content, mode), config.load(str(directory), environ={}))


def look(directory: Path) -> Survey:
    return survey(config.load(str(directory), environ={}))


PYTHON = "#!/usr/bin/env python\nprint('Content-Type: text/plain\\n')\n"


def test_scripts_are_found_where_the_router_finds_them(tmp_path: Path) -> None:
    for name in ("cgi-bin/a.py", "cgi-bin/deep/b.py", "htbin/c", "d.cgi", "lib/e.py", "sub/cgi-bin/f.py"):
        put(tmp_path, name, PYTHON)
    put(tmp_path, "helper.py", PYTHON, 0o644)
    put(tmp_path, "index.html", "<html>", 0o755)
    put(tmp_path, "cgi-bin/.hidden.py", PYTHON)
    put(tmp_path, "cgi-bin/a.py~", PYTHON)
    put(tmp_path, "cgi-bin/counter.dat", "1", 0o644)
    put(tmp_path, "cgi-bin/with space.py", PYTHON)
    found = look(tmp_path)
    assert found.complete
    assert [script.path for script in found.scripts] == [
        "/cgi-bin/a.py",
        "/cgi-bin/deep/b.py",
        "/cgi-bin/with space.py",
        "/d.cgi",
        "/htbin/c",
        "/lib/e.py",
        "/sub/cgi-bin/f.py",
    ]
    assert {script.problem for script in found.scripts} == {""}
    assert found.scripts[0].filename == str(tmp_path.resolve() / "cgi-bin/a.py")


def test_programs_that_are_no_scripts_where_they_are(tmp_path: Path) -> None:
    put(tmp_path, "tools/x.sh", "#!/bin/sh\n")
    put(tmp_path, "tools/install.sh", "#!/bin/sh\n", 0o644)
    put(tmp_path, ".well-known/tool", "#!/bin/sh\n")
    put(tmp_path, ".well-known/x.py", PYTHON)
    found = look(tmp_path)
    assert [program.path for program in found.programs] == ["/.well-known/tool", "/tools/x.sh"]
    assert all("script" in program.problem or "*.cgi" in program.problem for program in found.programs)
    assert [script.path for script in found.scripts] == ["/.well-known/x.py"]


@pytest.mark.parametrize(
    ("top", "files", "said"),
    [
        ("cgi-bin", ["guest.db"], "serve {above}, or add --cgi-bin . "),
        ("HTBIN", ["form.py"], "serve {above}, or add --cgi-bin . "),
        ("old", ["form.py", "x.pl", "guest.db"], "asks: add --cgi-bin . "),
        ("www", ["form.py", "x.pl", "cgi-bin/y.py"], ""),
        ("www", ["form.py", "x.pl", "index.html"], ""),
        ("www", ["form.py", "sub/x.py"], ""),
    ],
)
def test_a_folder_of_scripts_that_is_served_itself(
    tmp_path: Path, top: str, files: list[str], said: str
) -> None:
    for name in files:
        put(tmp_path, f"{top}/{name}", PYTHON, 0o755 if name.endswith(("py", "pl")) else 0o644)
    directory = tmp_path / top
    hint = misplaced(config.load(str(directory), environ={}), look(directory))
    assert said.format(above=tmp_path.resolve()) in hint and bool(hint) == bool(said)
    assert not misplaced(config.load(str(directory), {"cgi_bin": ["."]}, environ={}), look(directory))


def test_a_virtualenv_without_python(tmp_path: Path) -> None:
    put(tmp_path, "env/pyvenv.cfg", "home = /nowhere")
    script = f"#!{tmp_path}/env/bin/python\n"
    assert "packages of its virtualenv" in problem(tmp_path, "cgi-bin/x.py", script)
    put(tmp_path, "env/bin/python", "")
    assert problem(tmp_path, "cgi-bin/x.py", script + "print 'of Python 2, perhaps'") == ""


def test_a_python_2_that_is_not_there(tmp_path: Path) -> None:
    put(tmp_path, "cgi-bin/x.py", "#!/usr/bin/python2.2\nprint(7 / 2)\n")
    [script] = look(tmp_path).scripts
    assert script.problem == ""
    assert "names /usr/bin/python2.2, which is not there: Python 3" in script.remarks[0]


def test_a_link_to_a_directory_is_followed_once(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/x.py", PYTHON)
    (tmp_path / "www").mkdir()
    (tmp_path / "www/cgi-bin").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/loop").symlink_to(tmp_path / "www")
    assert [script.path for script in look(tmp_path / "www").scripts] == ["/cgi-bin/x.py"]


def test_the_search_ends_when_its_time_is_up(tmp_path: Path) -> None:
    put(tmp_path, "cgi-bin/a.py", PYTHON)
    found = survey(config.load(str(tmp_path), environ={}), seconds=-1)
    assert not found.complete
    assert found.scripts == []


def test_good_scripts_have_no_problem(tmp_path: Path) -> None:
    assert problem(tmp_path, "a.py", PYTHON, 0o644) == ""
    assert problem(tmp_path, "crlf.py", PYTHON.replace("\n", "\r\n")) == ""
    assert problem(tmp_path, "b.sh", "#!/bin/sh\n") == ""
    assert problem(tmp_path, "c.sh", "#! /usr/bin/env -S LANG=C sh -e\n") == ""
    assert problem(tmp_path, "binary", b"\x7fELF\0\0") == ""
    assert problem(tmp_path, "python2.cgi", "#!/usr/bin/python2.7\nprint('x')") == ""
    assert problem(tmp_path, "warns.py", "#!/usr/bin/python\n'\\d'; assert (1, 2)") == ""


def test_not_executable(tmp_path: Path) -> None:
    said = problem(tmp_path, "x.pl", "#!/bin/sh\n", 0o644)
    assert said == f"not executable and not Python: chmod +x {tmp_path}/x.pl"


def test_missing_interpreter(tmp_path: Path) -> None:
    said = "its #! line names {}, which is not there: install it, or correct the line"
    assert problem(tmp_path, "a", "#!/usr/local/bin/perl4 -w\n") == said.format("/usr/local/bin/perl4")
    assert problem(tmp_path, "b", "#!/usr/bin/env no-such-program\n") == said.format("no-such-program")
    assert problem(tmp_path, "c", "#!\n").startswith("its #! line names no program")


def test_crlf_in_the_first_line(tmp_path: Path) -> None:
    said = problem(tmp_path, "a.sh", "#!/bin/sh\r\necho\r\n")
    assert said == rf"its #! line ends with CR LF, as on Windows: sed -i 's/\r$//' {tmp_path}/a.sh"


def test_no_first_line(tmp_path: Path) -> None:
    assert problem(tmp_path, "a.sh", "echo\n").startswith("no #! line")


def test_interpreter_by_setting(tmp_path: Path) -> None:
    toml = '[script."/old.py"]\ninterpreter = "no-such-python2"\n[script."/sh.py"]\ninterpreter = "sh"'
    put(tmp_path, "cgicompat.toml", toml)
    said = problem(tmp_path, "old.py", "print 'x'")
    assert said.startswith("its setting `interpreter` names no-such-python2, which is not there")
    assert problem(tmp_path, "sh.py", "print 'x'") == ""


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('print "Content-Type: text/html"', "a print statement"),
        ("if 1: print 'x'", "a print statement"),
        ("x = 1; print x, y", "a print statement"),
        ("try: pass\nexcept ValueError, e: x y", "`except X, e`"),
        ("try: pass\nexcept (IOError, OSError), e: x y", "`except X, e`"),
        ('raise ValueError, "text"', "`raise X, text`"),
        ("exec code in {}", "an exec statement"),
        ("if a <> b: pass", "the operator <>"),
        ("x = `y`", "backquotes"),
        ("os.chmod(f, 0644)", "an octal number without 0o"),
        ("x = 10L", "a long number"),
        ("x = 0xffL", "a long number"),
        ("x = ur'a'", "a ur'' string"),
        ("def f(a, (b, c)): pass", "a tuple among parameters"),
        ("if 1:\n        a = 1\n\tb = 2", "tabs mixed with spaces"),
    ],
)
def test_python_2(tmp_path: Path, line: str, what: str) -> None:
    said = problem(tmp_path, "x.py", "import os\n" + line)
    assert said.startswith("line ")
    assert f" is Python 2 ({what}): convert it, or set runner = " in said


def test_python_2_is_told_by_what_else_is_in_the_file(tmp_path: Path) -> None:
    assert "is Python 2 (a print statement)" in problem(tmp_path, "x.py", "x = f(\nprint 'x'\n")
    assert "is Python 2 (" in problem(tmp_path, "y.py", "#!/usr/bin/python2\nx = = 1")


def test_other_mistakes_are_not_laid_on_python_2(tmp_path: Path) -> None:
    said = problem(tmp_path, "x.py", "x = 1\nprint(x\ny = [0, 0.5, 100]\n# a < b, footprint x\n")
    assert said == "line 2: '(' was never closed: correct it; the next request takes the new text"
    assert "null bytes" in problem(tmp_path, "zero.py", "x = 1\n\0")


def test_8_bit_source_without_declaration(tmp_path: Path) -> None:
    text = PYTHON + "print('caf\xe9')\n"
    assert "latin-1" in problem(tmp_path, "x.py", text.encode("latin-1"))
    assert problem(tmp_path, "y.py", ("# coding: latin-1\n" + text).encode("latin-1")) == ""


def test_unreadable(tmp_path: Path) -> None:
    settings = config.load(str(tmp_path), environ={})
    script = put(tmp_path, "x.py", PYTHON, 0o000)
    root = os.geteuid() == 0  # which may read everything
    if root:
        os.seteuid(65534)
    try:
        said = diagnose(script, settings)
    finally:
        if root:
            os.seteuid(0)
    assert said == f"cannot be read (Permission denied): chmod a+r {script}"


def strange(root: Path) -> None:
    """Whatever else can lie about in a directory of scripts."""
    put(root, "ok.py", PYTHON)
    put(root, os.fsdecode(b"caf\xe9.py"), PYTHON)
    put(root, "new\nline.py", PYTHON)
    for name, target in (
        ("loop", "loop"),
        ("a", "b"),
        ("b", "a"),
        ("loop.py", "loop.py"),
        ("self", "."),
        ("x.py", "-"),
    ):
        os.symlink(target, root / name)
    os.mkfifo(root / "fifo.py")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(root / "socket.py"))
    put(root, "closed/x.py", PYTHON)
    put(root, "secret.py", PYTHON, 0o300)
    (root / "closed").chmod(0)
    if os.geteuid() == 0:
        os.mknod(root / "device.py", 0o20777, os.makedev(1, 3))


def as_nobody(function: Callable[[], object]) -> None:
    """Call it in a process of an ordinary user's, for whom what is closed is closed."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            function()
            os._exit(0)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_strange_files(tmp_path: Path) -> None:
    """They are no scripts, and end neither the survey nor a comparison."""
    from cgicompat.compare.copies import Copy

    root = tmp_path / "cgi-bin"
    root.mkdir()
    strange(root)
    if os.geteuid() == 0:
        for path in (tmp_path, *tmp_path.rglob("*")):
            os.lchown(path, 65534, 65534)
        for parent in tmp_path.parents:
            parent.chmod(parent.stat().st_mode | 0o011)

    def check() -> None:
        found = {
            script.filename.removeprefix(f"{root}/"): script.problem for script in look(tmp_path).scripts
        }
        assert found.keys() == {"ok.py", "caf\udce9.py", "new\nline.py", "secret.py"}
        assert found["secret.py"].startswith("cannot be read")
        (copies := tmp_path.with_name("copies")).mkdir()
        copy = Copy(str(copies / "copy"), str(tmp_path), 1 << 20)
        assert copy.left_out == ["cgi-bin/closed", "cgi-bin/secret.py"]
        (copies / "copy" / "cgi-bin" / "ok.py").unlink()
        copy.restore()
        assert not copy.changes()

    tmp_path.parent.chmod(0o777)
    as_nobody(check)
