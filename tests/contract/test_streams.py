"""Streams, points 24-30: fds 0, 1 and 2 are those of plain CGI, exact to the byte and to the moment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.harness.doors import Site
from tests.harness.processes import alive, host_environ, until
from tests.harness.wire import parse_cgi

ALL_BYTES = bytes(range(256)) + b"\r\n\n\r\0\xff" * 3

# Waits for the file named `gate` beside the script: the test opens it.
WAIT = """
import os, time
def wait():
    while not os.path.exists("gate"):
        time.sleep(0.01)
"""


def plain(site: Site, script: str) -> bytes:
    """The body that the script prints into a pipe when it is run by hand."""
    command = [sys.executable, site.directory / script.rpartition("/")[2]]
    run = subprocess.run(command, stdout=subprocess.PIPE, cwd=site.directory, env=host_environ())
    return parse_cgi(run.stdout).body


def test_point_24_every_way_to_write_in_order(site):
    page = site.page(
        """
        import os, subprocess, sys
        print("1 print", flush=True)
        sys.stdout.buffer.write(b"2 buffer\\n"); sys.stdout.flush()
        os.write(1, b"3 write\\n")
        os.system("echo 4 system")
        subprocess.run(["echo", "5 run"])
        print("6 last")
        """
    )
    assert page.body == b"1 print\n2 buffer\n3 write\n4 system\n5 run\n6 last\n"


@pytest.mark.parametrize("size", [10, 5000, 20000])
def test_point_24_buffered_output_comes_where_plain_cgi_puts_it(site, size):
    script = site.script(
        f"""
        import os, sys
        sys.stdout.flush()
        print("a" * {size})
        os.write(1, b"now\\n")
        sys.stdout.buffer.write(b"b" * {size})
        os.system("echo later")
        print("c" * {size})
        os.write(1, b"at last\\n")
        """
    )
    assert site.get(script).body == plain(site, script)


def test_point_24_standard_streams_are_fds_0_1_2(site):
    page = site.page(
        """
        import os, sys
        print(sys.stdin.fileno(), sys.stdout.fileno(), sys.stderr.fileno())
        print(sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__)
        print(sys.stdin.name, sys.stdout.name, sys.stderr.name, sys.stdin.mode, sys.stdout.mode)
        print(sys.stdout.isatty(), sys.stdout.line_buffering, sys.stderr.line_buffering)
        """
    )
    assert page.lines == [
        "0 1 2",
        "True True True",
        "<stdin> <stdout> <stderr> r w",
        "False False True",
    ]


def test_point_24_fds_can_be_opened_and_duplicated(site):
    script = site.script(
        """
        import os, sys
        sys.stdout.flush()
        with open(0, "rb") as body:
            data = body.read()
        with os.fdopen(os.dup(1), "wb") as copy:
            copy.write(data)
        sys.__stdout__.write("end")
        """
    )
    assert site.post(script, ALL_BYTES).body == ALL_BYTES + b"end"


def test_point_25_bytes_are_exact(site):
    script = site.script("import sys; sys.stdout.flush(); sys.stdout.buffer.write(sys.stdin.buffer.read())")
    for _ in range(2):
        assert site.post(script, ALL_BYTES).body == ALL_BYTES


def test_point_25_text_is_utf8_with_surrogateescape(site):
    script = site.script(
        """
        import sys
        print(sys.stdin.encoding, sys.stdin.errors, sys.stdout.encoding, sys.stdout.errors)
        print(ascii(text := sys.stdin.read()))
        print(text)
        """
    )
    page = site.post(script, b"\xc3\xa9\xff\xe2\x82\xac")
    assert page.body == (
        b"utf-8 surrogateescape utf-8 surrogateescape\n'\\xe9\\udcff\\u20ac'\n\xc3\xa9\xff\xe2\x82\xac\n"
    )


def test_point_25_reconfigure_lasts_for_one_request(site):
    script = site.script(
        """
        import sys
        if sys.stdin.read():
            sys.stdout.reconfigure(encoding="latin-1", newline="\\r\\n", line_buffering=True)
            sys.stdin.reconfigure(encoding="ascii")
        print("\\xe9", sys.stdin.encoding)
        """
    )
    first, second = site.post(script, b"x"), site.get(script)
    assert (first.body, second.body) == (b"\xe9 ascii\r\n", b"\xc3\xa9 utf-8\n")
    site.same_process(first, second)


def test_point_26_body_ends_at_content_length(site):
    script = site.script(
        """
        import os, sys
        print(sys.stdin.read(4), sys.stdin.read(), repr(sys.stdin.read()), os.read(0, 10))
        """
    )
    assert site.post(script, b"four and more").body == b"four  and more '' b''\n"


def test_point_26_get_has_no_body(site):
    page = site.page(
        """
        import os, subprocess, sys
        print(os.read(0, 10), repr(sys.stdin.read()), subprocess.check_output(["cat"]))
        """
    )
    assert page.body == b"b'' '' b''\n"


def test_point_26_children_read_the_same_body(site):
    script = site.script(
        """
        import os, subprocess, sys
        print(os.read(0, 3), flush=True)
        subprocess.run(["head", "-c", "3"])
        os.system("cat")
        """
    )
    assert site.post(script, b"one" + ALL_BYTES).body == b"b'one'\n" + ALL_BYTES


def test_point_27_large_body_is_echoed(site):
    script = site.script("import sys; sys.stdout.flush(); sys.stdout.buffer.write(sys.stdin.buffer.read())")
    body = os.urandom(8 << 20)
    page = site.post(script, body)
    assert page.whole
    assert page.body == body


@pytest.mark.unlike_apache("writes the whole body before it reads, and waits for ever")
def test_point_27_output_before_the_body_is_read(site):
    script = site.script(
        """
        import sys
        sys.stdout.write("x" * (1 << 20))
        print(len(sys.stdin.buffer.read()))
        """
    )
    page = site.post(script, bytes(2 << 20))
    assert page.body == b"x" * (1 << 20) + b"2097152\n"


def test_point_27_body_may_stay_unread(site):
    page = site.post(site.script("print('fine')"), bytes(2 << 20))
    assert (page.status, page.body) == (200, b"fine\n")


def test_point_28_stderr_goes_to_the_log_with_script_and_request(site):
    script = site.script(
        """
        import atexit, os, sys
        atexit.register(lambda: print("oops from atexit", file=sys.stderr))
        print("oops from print", file=sys.stderr)
        os.write(2, b"oops from write\\n")
        os.system("echo oops from a child >&2")
        print("oops \\udcff \\u20ac and no newline", end="", file=sys.stderr)
        """
    )
    assert site.get(script, "a=1").body == b""
    log = site.logged("from print", "from write", "from a child", "no newline", "from atexit")
    lines = [line for line in log.splitlines() if "oops" in line]
    assert len(lines) == (4 if "no newlineoops" in log else 5)
    if site.door.runner not in ("own", "mod_cgi"):  # there the web server names them, or does not
        assert all(script in line and "a=1" in line for line in lines), log


@pytest.mark.doors("scgi", "cgi", "serve")
def test_point_28_warnings_of_the_compiler(site):
    """Those of the script in each request, as with plain CGI, which compiles it each time; filters apply."""
    site.file("helper.py", "answer = 42 is 42\n")
    script = site.script("import helper\nprint(1 is 1)")
    for number in (1, 2, 3):
        assert site.get(script).body == b"True\n"
        until(lambda number=number: site.log().count("script.py:4: SyntaxWarning: ") == number)
    site.logged("helper.py:1: SyntaxWarning: ")


def test_point_28_much_stderr(site):
    page = site.page(
        """
        import sys
        for i in range(10_000):
            print(f"line {i} ".ljust(120, "."), file=sys.stderr)
        print("done")
        """
    )
    assert page.body == b"done\n"
    log = site.logged("line 9999")
    assert log.count("....") >= 10_000
    assert all(f"line {i} ." in log for i in range(0, 10_000, 97))


@pytest.mark.parametrize("how", ["sys.stderr.close()", "os.close(2)", "sys.stderr = None"])
def test_point_28_closing_stderr_harms_nothing(site, how):
    script = site.script(f"import os, sys; {how}; print('fine')")
    speaks = site.script("import os; os.write(2, b'it speaks again\\n'); print('too')", name="speaks.py")
    assert site.get(script).body == b"fine\n"
    assert site.get(speaks).body == b"too\n"
    site.logged("it speaks again")


@pytest.mark.unlike_apache("waits until the last process closes stderr")
def test_point_28_stderr_after_the_response(site):
    page = site.page(
        """
        import subprocess
        subprocess.Popen(["sh", "-c", "while [ ! -e gate ]; do sleep 0.02; done; echo belated >&2"],
                         stdout=subprocess.DEVNULL)
        print("answered")
        """
    )
    assert page.body == b"answered\n"
    site.file("gate")
    site.logged("belated")


def test_point_28_stderr_may_be_stdout(site):
    script = site.script(
        """
        import sys
        print("before")
        if sys.argv[1:]:
            sys.stderr = sys.stdout
            print("error", file=sys.stderr)
        1 / 0
        """
    )
    first = site.get(script, "page")
    assert first.status == 200
    assert first.body.startswith(b"before\nerror\nTraceback (most recent call last):\n")
    assert first.body.endswith(b"ZeroDivisionError: division by zero\n")
    assert site.get(script).body == b"before\n"
    assert site.logged("ZeroDivisionError").count("ZeroDivisionError") == 1


@pytest.mark.doors("scgi")
@pytest.mark.parametrize(
    ("output", "said"),
    [("menu None\n", "malformed header: 'menu None'"), ("Content-Type: text/plain\n", "within the headers")],
)
def test_point_28_a_bad_header_behind_a_web_server(site, output, said):
    """That says no more than that it is bad."""
    site.page(f"print({output!r}, end='')", head=False)
    site.logged("script.py", "its output is no CGI response: ", said)


def test_point_29_flushed_output_arrives_at_once(site):
    request = site.open("GET", site.script(WAIT + "print('first', flush=True)\nwait()\nprint('second')"))
    request.wait_for(b"first\n")
    assert b"second" not in request.raw
    site.file("gate")
    assert request.finish().body == b"first\nsecond\n"


def closes_stdout(site: Site, how: str) -> None:
    page = site.page(WAIT + f"import sys\nprint('all', flush=True)\n{how}\nwait()\nopen('done', 'w').close()")
    assert (page.body, page.whole) == (b"all\n", True)
    assert not (site.directory / "done").exists()
    site.file("gate")
    until((site.directory / "done").exists)


@pytest.mark.unlike_apache("waits until stderr is closed too")
def test_point_29_closing_fd_1_ends_the_response(site):
    closes_stdout(site, "os.close(1)")


@pytest.mark.unlike_apache("Python keeps fd 1 open when sys.stdout is closed, so the response goes on")
def test_point_29_closing_sys_stdout_ends_the_response(site):
    closes_stdout(site, "sys.stdout.close()")


@pytest.mark.doors("serve", "asgi", "wsgi", "scgi")  # behind cgicompat-cgi it is the web server that waits
@pytest.mark.unlike_apache("waits for every process that holds stdout")
def test_point_30_background_child_does_not_hold_up_the_response(site):
    page = site.page(
        """
        import subprocess
        child = subprocess.Popen(["sh", "-c", "while [ ! -e gate ]; do sleep 0.02; done; echo more > done"])
        print(child.pid)
        """
    )
    assert page.whole
    child = int(page.body)
    assert alive(child)
    assert site.page("print('next')", name="next.py").body == b"next\n"
    assert alive(child)
    site.file("gate")
    until((site.directory / "done").exists)
    until(lambda: not alive(child))
