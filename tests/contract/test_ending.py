"""Ending, points 17-23: however a script ends, its request gets its due and the next one is served."""

from __future__ import annotations

import re

import pytest

from tests.harness.doors import Site
from tests.harness.processes import until
from tests.harness.wire import Response

# What a request gets when its process died without a word.
NOTHING_CAME = (500, 502)


def next_is_served(site: Site) -> None:
    page = site.page("print('next')", name="next.py")
    assert (page.status, page.body, page.whole) == (200, b"next\n", True)


def failed(site: Site, page: Response) -> None:
    """A 500 page where the door makes pages, no response at all where the web server does."""
    assert page.status == 500
    if site.door.name != "cgi":
        assert page.whole
        assert page.body
        assert page.header("Content-Type")


@pytest.mark.parametrize("call", ["sys.exit()", "exit(0)", "sys.exit(None)", "raise SystemExit", "quit()"])
def test_point_17_exit_is_a_normal_end(site, call):
    script = site.script(f"import sys\nprint('before')\n{call}\nprint('never')")
    first, second = site.get(script), site.get(script)
    assert (first.status, first.body) == (second.status, second.body) == (200, b"before\n")
    site.same_process(first, second)


def test_point_17_exit_in_a_helper(site):
    site.file("helper.py", "import sys\ndef leave():\n    print('helper')\n    sys.exit(0)\n")
    script = site.script("import helper\nhelper.leave()\nprint('never')")
    first, second = site.get(script), site.get(script)
    assert (first.status, first.body) == (second.status, second.body) == (200, b"helper\n")
    site.same_process(first, second)


def test_point_17_exit_while_a_helper_is_imported(site):
    site.file("helper.py", "raise SystemExit\n")
    script = site.script("print('before')\nimport helper\nprint('never')")
    for _ in range(2):
        assert site.get(script).body == b"before\n"


def test_point_18_except_exception_lets_exit_pass(site):
    page = site.page(
        """
        import sys
        try:
            sys.exit()
        except Exception:
            print("caught")
        finally:
            print("finally")
        print("never")
        """
    )
    assert page.body == b"finally\n"


def test_point_18_bare_except_catches_exit(site):
    page = site.page("import sys\ntry:\n    sys.exit(1)\nexcept:\n    print('caught')\nprint('goes on')")
    assert page.body == b"caught\ngoes on\n"


@pytest.mark.parametrize(("call", "status"), [("sys.exit(3)", 3), ("exit(1240)", 216), ("sys.exit(-1)", 255)])
@pytest.mark.unlike_apache("logs no exit status")
def test_point_19_exit_status_is_logged(site, call, status):
    page = site.page(f"import sys\nprint('whole')\n{call}")
    assert (page.status, page.body, page.whole) == (200, b"whole\n", True)
    if site.door.runner == "own":
        assert page.process.wait(30) == status
    else:
        until(lambda: re.search(rf"status\W+{status}\b", site.log()))


def test_point_19_exit_with_a_message(site):
    page = site.page("import sys\nsys.exit('no such guest\\nat all')", head=False)
    failed(site, page)
    assert b"no such guest" not in page.body
    site.logged("no such guest", "at all")


def test_point_19_exit_with_a_message_after_the_response(site):
    page = site.page("import sys\nprint('whole')\nsys.exit('so be it')")
    assert (page.status, page.body) == (200, b"whole\n")
    site.logged("so be it")


DEATHS = {
    "exit": "os._exit(0)",
    "kill": "os.kill(os.getpid(), 9)",
    "term": "os.kill(os.getpid(), 15)",
    "segfault": "import ctypes; ctypes.string_at(0)",
    "exec": "os.execv('/bin/true', ['true'])",
}


@pytest.mark.parametrize("death", DEATHS)
def test_point_20_death_before_any_output(site, death):
    page = site.page(f"import os\nprint('never flushed')\n{DEATHS[death]}", head=False)
    assert page.status in NOTHING_CAME
    if death == "exit" and site.door.http:
        assert page.status == 500  # it was not killed
    next_is_served(site)
    until(lambda: not site.door.zombies())


@pytest.mark.parametrize("death", DEATHS)
def test_point_20_death_after_output(site, death):
    page = site.page(f"import os\nprint('sent', flush=True)\nprint('never flushed')\n{DEATHS[death]}")
    assert (page.status, page.body) == (200, b"sent\n")
    next_is_served(site)
    until(lambda: not site.door.zombies())


def test_point_20_another_program_goes_on_with_the_response(site):
    page = site.page(
        """
        import os, sys
        print("from Python")
        sys.stdout.flush()
        os.execv("/bin/sh", ["sh", "-c", "echo from the shell in $PWD; cat"])
        """
    )
    assert page.body == f"from Python\nfrom the shell in {site.directory}\n".encode()
    assert (page.status, page.whole) == (200, True)
    next_is_served(site)


def test_point_21_atexit_functions_run_last_first_once_a_request(site):
    script = site.script(
        """
        import atexit, sys
        atexit.register(print, "registered first")
        atexit.register(print, "registered last")
        print("script")
        if sys.argv[1:]: sys.exit(0)
        """
    )
    expected = b"script\nregistered last\nregistered first\n"
    first, second = site.get(script, "exit"), site.get(script)
    assert first.body == second.body == expected
    site.same_process(first, second)


def test_point_21_failing_atexit_function_loses_nothing(site):
    page = site.page(
        """
        import atexit
        atexit.register(print, "still runs")
        atexit.register(lambda: {}["of atexit"])
        print("script", flush=True)
        raise ValueError("of the script")
        """
    )
    assert page.body == b"script\nstill runs\n"
    site.logged("KeyError: 'of atexit'", "ValueError: of the script")


def test_point_21_threads_are_joined_before_atexit_functions(site):
    script = site.script(
        """
        import atexit, threading, time
        def work():
            time.sleep(0.1)
            print("thread")
        atexit.register(print, "atexit")
        threading.Thread(target=work).start()
        print("script", flush=True)
        """
    )
    for _ in range(2):
        assert site.get(script).body == b"script\nthread\natexit\n"


def test_point_21_unregister(site):
    page = site.page(
        "import atexit\natexit.register(print, 'never')\natexit.unregister(print)\nprint('script')"
    )
    assert page.body == b"script\n"


def test_point_22_exception_before_any_output(site):
    script = site.script(
        """
        def fail(): raise ValueError("the consequence")
        try:
            {}["the cause"]
        except KeyError:
            fail()
        """,
        head=False,
    )
    page = site.get(script)
    failed(site, page)
    assert b"Traceback" not in page.body
    assert b"consequence" not in page.body
    log = site.logged("KeyError: 'the cause'", "During handling of the above", "ValueError: the consequence")
    file = f"{site.directory}/script.py"
    for line in (4, 6, 2):
        assert f'File "{file}", line {line}, in ' in log
    assert "cgicompat/" not in log
    assert "runpy" not in log
    next_is_served(site)


def test_point_22_exception_in_a_helper(site):
    site.file("helper.py", "def fail():\n    raise RuntimeError('helpless')\n")
    failed(site, site.page("import helper\n\nhelper.fail()", head=False))
    log = site.logged("RuntimeError: helpless")
    assert f'File "{site.directory}/script.py", line 4, in <module>' in log
    assert f'File "{site.directory}/helper.py", line 2, in fail' in log


@pytest.mark.parametrize("flush", ["True", "False"])
def test_point_22_exception_after_the_body_has_begun(site, flush):
    page = site.page(f"print('begun', flush={flush})\nraise ValueError('too late')")
    assert (page.status, page.body, page.whole) == (200, b"begun\n", True)
    site.logged("ValueError: too late")
    next_is_served(site)


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "MemoryError", "GeneratorExit", "RecursionError"])
def test_point_22_exceptions_of_any_kind(site, name):
    failed(site, site.page(f"raise {name}('of the script')", head=False))
    site.logged(name)
    next_is_served(site)


@pytest.mark.doors("serve", "asgi", "wsgi", "scgi")
@pytest.mark.unlike_apache("has no such thing")
def test_point_22_debug_shows_the_traceback(site):
    page = site.page("raise ValueError('<shown> & told')", head=False, name="debug.py")
    assert page.status == 500
    assert b"ValueError: " in page.body
    assert b"debug.py" in page.body
    assert b"line 2" in page.body
    if "html" in page.header("Content-Type"):
        assert b"<shown>" not in page.body
    site.logged("ValueError: <shown> & told")


def test_point_22_excepthook_of_the_script(site):
    script = site.script(
        """
        import sys
        def hook(kind, value, traceback):
            print("Status: 418 Teapot")
            print("Content-Type: text/plain")
            print()
            print(kind.__name__, value, traceback.tb_lineno)
        sys.excepthook = hook
        raise ValueError("handled")
        """,
        head=False,
    )
    for _ in range(2):
        page = site.get(script)
        assert (page.status, page.body) == (418, b"ValueError handled 9\n")
    assert "Traceback" not in site.log()


def test_point_22_failing_excepthook(site):
    failed(site, site.page("import sys\nsys.excepthook = lambda *a: 1 / 0\n{}['origin']", head=False))
    site.logged("KeyError: 'origin'", "ZeroDivisionError")
    next_is_served(site)


def test_point_23_syntax_error_and_its_repair(site):
    script = site.script("x = 1\nif x\n    print(x)", head=False)
    failed(site, site.get(script))
    log = site.logged("SyntaxError")
    assert f'File "{site.directory}/script.py", line 3' in log
    site.script("print('repaired')")
    page = site.get(script)
    assert (page.status, page.body) == (200, b"repaired\n")


def test_point_23_syntax_error_in_a_helper_and_its_repair(site):
    site.file("helper.py", "def f(:\n")
    script = site.script("import helper\nprint(helper.f())", head=False)
    failed(site, site.get(script))
    assert f'File "{site.directory}/helper.py", line 1' in site.logged("SyntaxError")
    site.file("helper.py", "def f():\n    return 'Content-Type: text/plain\\n\\nrepaired'\n")
    assert site.get(script).body == b"repaired\n"


def test_point_23_null_bytes_and_bad_encodings(site):
    for content in (b"print(1)\0\n", b"# -*- coding: no-such-thing -*-\n", b"x = '\xff'\n"):
        site.file("script.py", b"#!/usr/bin/env python3\n" + content, 0o755)
        failed(site, site.get(f"{site.path}/script.py"))
    next_is_served(site)
