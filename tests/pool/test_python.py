"""A Python that we do not know: what needs its internals is done without, and the log says so."""

from __future__ import annotations

import pytest

UNKNOWN = {
    "newer": "from cgicompat import python\npython.NEWEST = (3, 10)\n",
    "free-threaded": "import sys\nsys.abiflags = 't'\n",
}


@pytest.fixture(params=UNKNOWN)
def unknown(home, request):
    """Settings of a pool that takes this Python for one that it does not know."""
    library = home / "library"
    library.mkdir()
    (library / "sitecustomize.py").write_text(UNKNOWN[request.param])
    return "--env", f"PYTHONPATH={library}", "--workers", "1"


def test_an_unknown_python_runs_scripts_of_cgihandler_under_fork(start, unknown):
    pool = start(*unknown, "--runner", "cgihandler", "--put-back", "guards")
    first, second = (pool.get(pool.script("import json; print(json.dumps([1]))")) for _ in range(2))
    assert first.status == second.status == 200
    assert first.lines[0] != second.lines[0], "one process each"
    assert first.lines[1] == second.lines[1] == "[1]"
    assert pool.server.log.count("run under fork") == 1
    assert pool.server.log.count("cgicompat: ") == 2, pool.server.log  # with that of the start


def test_it_says_nothing_where_nobody_asks_for_cgihandler(start, unknown):
    pool = start(*unknown)
    assert pool.get(pool.script("")).status == 200
    assert "a newer cgicompat" not in pool.server.log


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_no_tracebacks_in_colours(start, runner):
    """Whatever the terminal of the server is like (Python 3.13 and later)."""
    pool = start("--workers", "1", "--runner", runner, "--debug", FORCE_COLOR="1", PYTHON_COLORS="1")
    for source in ("1 / 0", "import asyncio\nprint(", "raise ExceptionGroup('two', [ValueError(1)])"):
        assert b"\x1b" not in pool.get(pool.script(source)).raw
    pool.server.says("two .1 sub-exception")
    assert "ZeroDivisionError" in pool.server.log and "SyntaxError" in pool.server.log
    assert "\x1b" not in pool.server.log
