"""What `cgitb` shows, to whom, and what it never shows."""

from __future__ import annotations

import html
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from tests.stdlib import support

cgitb = support.load("cgitb")


def fail(value, message="<i>bad</i>", secret=None):
    local = [value, "<b>"]
    raise ValueError(message, local) if message == "list" else ValueError(message)


def info(*arguments, **keywords):
    try:
        fail(*arguments, **keywords)
    except ValueError:
        return sys.exc_info()


BOTH = pytest.mark.parametrize("show", [cgitb.html, cgitb.text], ids=["html", "text"])


@BOTH
def test_what_is_shown(show):
    shown = show(info(41))
    for expected in (
        "ValueError",
        "test_cgitb.py",
        "fail",
        "value=41",
        "local",
        "Python 3",
        "raise ValueError",
    ):
        assert expected in shown
    assert shown.count("ValueError") >= 3


def test_everything_is_escaped():
    seen = set()

    class Elements(HTMLParser):
        def handle_starttag(self, tag, attributes):
            seen.add(tag)

    namespace = {"__name__": "<script>"}
    source = (
        "def f(x):\n    y = '<script>'\n    raise type('<script>', (Exception,), {'<script>': '<script>'})(x)"
    )
    exec(compile(source, "<script>alert(1)</script>", "exec"), namespace)
    try:
        namespace["f"]("--><script>")
    except Exception as error:
        error.add_note("<script>")
        page = cgitb.html(sys.exc_info())
    Elements().feed(page)
    assert "script" not in seen and "font" in seen
    assert page.count("-->") == 1


def test_page_is_ascii_and_text_is_not():
    assert cgitb.html(info("ä€\udcff")).isascii()
    assert "ä€" in cgitb.text(info("ä€"))


def chained():
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            error.add_note("a note")
            raise TypeError("second") from error
    except TypeError:
        try:
            raise ValueError("third")
        except ValueError:
            return sys.exc_info()


@BOTH
def test_chained_exceptions_and_notes(show):
    shown = html.unescape(re.sub("<[^>]*>", "", show(chained(), 0)))
    order = [
        "KeyError: 'first'",
        "a note",
        "The above exception was the direct cause",
        "TypeError: second",
        "During handling of the above exception",
        "ValueError: third",
    ]
    places = [shown.index(text) for text in order]
    assert places == sorted(places)


@BOTH
def test_suppressed_context_and_circles(show):
    try:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None
    except ValueError as error:
        assert "hidden" not in show((ValueError, error, None))
        error.__cause__ = other = TypeError("other")
        other.__cause__ = error
        assert "other" in show((ValueError, error, None))


@BOTH
def test_groups(show):
    group = ExceptionGroup("several", [KeyError("one"), ExceptionGroup("inner", [OSError("two")])])
    shown = show((type(group), group, None))
    for text in ("several", "one", "inner", "two", "Exception 2 of 2 in the group:"):
        assert text in shown


@BOTH
def test_deep_recursion_is_cut(show):
    def down(n):
        return down(n - 1) if n else 1 / 0

    try:
        down(300)
    except ZeroDivisionError:
        shown = show(sys.exc_info())
    assert "(252 calls left out)" in shown
    assert len(shown) < 200_000


@BOTH
def test_hostile_objects(show):
    class Hostile(Exception):
        def __repr__(self):
            raise RuntimeError

        __str__ = __repr__

        @property
        def attribute(self):
            raise RuntimeError

    hostile = Hostile()
    hostile.args = (hostile,)
    try:
        fail(hostile.attribute if False else hostile)
    except ValueError as error:
        error.more = hostile
        assert "Hostile instance" in show(sys.exc_info())
    assert "str() failed" in show((Hostile, hostile, None)).replace("&lt;", "<")


@BOTH
def test_no_exception_at_all(show):
    assert "None" in show((None, None, None))


SECRETS = {
    "HTTP_AUTHORIZATION": "Basic dXNlcjpvcGVuIQ==",
    "HTTP_COOKIE": "session=0123456789abcdef; theme=dark-blue",
    "DB_PASSWORD": "hunter2&<x>",
    "API_TOKEN": "t0ken'with\\quotes",
    "my_secret": "tiny",
    "STRIPE_KEY": "sk_live_42",
}


@BOTH
def test_secrets_of_the_environment_are_masked(show, monkeypatch):
    import os

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    environ = dict(os.environ)
    try:
        password = os.environ["DB_PASSWORD"]
        text = f"connect to user:{password}@host with {SECRETS['API_TOKEN']!r}"
        session = os.environ["HTTP_COOKIE"].split("; ")[0].split("=")[1]
        everything = [
            environ,
            {n: environ[n] for n in SECRETS},
            password,
            text,
            session,
            environ["my_secret"],
        ]
        raise ConnectionError(text, everything, os.environ, password, session, SECRETS)
    except ConnectionError as error:
        error.add_note(f"sent {os.environ['HTTP_AUTHORIZATION']}")
        shown = show(sys.exc_info())
    assert "********" in shown
    for leak in ("dXNlcjpvcGVuIQ", "0123456789", "dark-blue", "hunter2", "t0ken", "'tiny'", "sk_live"):
        assert leak not in shown.replace("&#x27;", "'"), leak
    assert "DB_PASSWORD" in shown


@pytest.fixture
def crash(tmp_path):
    def crash(enable: str, **environ: str) -> str:
        code = f"import cgitb; cgitb.enable({enable})\nsecret_local = 'x' * 3\nraise ValueError('details')"
        environ = {"PYTHONPATH": support.FOLDER, **environ}
        run = subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, cwd=tmp_path
        )
        assert (run.returncode, run.stderr) == (1, "")
        return run.stdout

    return crash


def test_enable_shows_the_page(crash):
    page = crash("")
    assert page.startswith("<!--: spam\nContent-Type: text/html\n\n")
    assert "details" in page and "ValueError" in page


def test_without_display_nothing_is_shown(crash, tmp_path):
    for arguments in (
        "display=0",
        f"display=0, logdir={str(tmp_path)!r}",
        "display=0, logdir='/nonexistent'",
    ):
        page = crash(arguments)
        assert "A problem occurred in a Python script." in page
        for leak in ("details", "ValueError", "secret_local", str(tmp_path), "/nonexistent"):
            assert leak not in page
    assert "Tried to save traceback to a file, but failed." in page
    [log] = tmp_path.iterdir()
    assert log.suffix == ".html" and log.stat().st_mode & 0o777 == 0o600
    assert "details" in log.read_text()


def test_text(crash, tmp_path):
    shown = crash(f"format='text', logdir={str(tmp_path)!r}")
    [log] = tmp_path.iterdir()
    assert "details" in shown and "<p" not in shown and "&" not in shown
    assert f"{log} contains the description of this error." in shown
    assert crash("display=0, format='text'") == "A problem occurred in a Python script.\n"


def test_output_that_cannot_hold_the_characters(crash):
    assert "details" in crash("format='text'", PYTHONIOENCODING="ascii")


def test_a_page_that_cannot_be_made_becomes_a_plain_traceback(monkeypatch):
    monkeypatch.setattr(cgitb, "_report", None)
    out = io.StringIO()
    cgitb.Hook(file=out).handle(info("<x>"))
    assert "<pre>Traceback" in out.getvalue() and "&lt;i&gt;bad" in out.getvalue()


def test_handler_writes_to_standard_output_as_it_is_now(capsys):
    try:
        fail(1)
    except ValueError:
        cgitb.handler()
    assert "ValueError" in capsys.readouterr().out


def test_lookup():
    frame = sys._getframe()
    assert cgitb.lookup("x", frame, {"x": 1}) == ("local", 1)
    assert cgitb.lookup("cgitb", frame, {}) == ("global", cgitb)
    assert cgitb.lookup("len", frame, {}) == ("builtin", len)
    assert cgitb.lookup("nothing", frame, {}) == (None, cgitb.__UNDEF__)


def test_scanvars():
    lines = iter(["f(a.real, b,\n", "  nothing)\n", "c\n"])
    found = cgitb.scanvars(lambda: next(lines, ""), sys._getframe(), {"a": 1, "b": 2, "c": 3})
    assert found == [
        ("f", None, cgitb.__UNDEF__),
        ("a", "local", 1),
        ("a.real", "a.", 1),
        ("b", "local", 2),
        ("nothing", None, cgitb.__UNDEF__),
    ]
    lines = iter(["a(\n"])
    assert cgitb.scanvars(lambda: next(lines, ""), sys._getframe(), {"a": 1}) == [("a", "local", 1)]


def test_enable_imports_nothing():
    code = (
        "import __future__, sys; old = set(sys.modules); import cgitb; cgitb.enable(); "
        "print(*set(sys.modules) - old)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, env={"PYTHONPATH": support.FOLDER}, capture_output=True, text=True)
    assert run.stdout.split() == ["cgitb"], run.stderr


def test_an_exception_that_python_itself_cannot_print(crash):
    out = io.StringIO()
    cgitb.Hook(file=out, format="text").handle((type("Odd", (Exception,), {"__module__": None}), None, None))
    try:
        exec("raise type('Odd', (Exception,), {})", {"__builtins__": {"type": type, "Exception": Exception}})
    except Exception:
        cgitb.Hook(file=out, format="text").handle()
    assert out.getvalue().count("Odd") >= 3
