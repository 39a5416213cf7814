"""A Python that came after us: what needs its internals is done without, and the log says so."""

from __future__ import annotations

import pytest


@pytest.fixture
def of_the_future(home):
    """Settings of a pool that takes this Python for one that it does not know."""
    library = home / "library"
    library.mkdir()
    (library / "sitecustomize.py").write_text("from cgicompat import python\npython.NEWEST = (3, 10)\n")
    return "--env", f"PYTHONPATH={library}", "--workers", "1"


def test_an_unknown_python_runs_scripts_of_cgihandler_under_fork(start, of_the_future):
    pool = start(*of_the_future, "--runner", "cgihandler")
    first, second = (pool.get(pool.script("import json; print(json.dumps([1]))")) for _ in range(2))
    assert first.status == second.status == 200
    assert first.lines[0] != second.lines[0], "one process each"
    assert first.lines[1] == second.lines[1] == "[1]"
    assert pool.server.log.count("run under fork") == 1
    assert pool.server.log.count("cgicompat: ") == 1, pool.server.log


def test_it_says_nothing_where_nobody_asks_for_cgihandler(start, of_the_future):
    pool = start(*of_the_future)
    assert pool.get(pool.script("")).status == 200
    assert "cgicompat: " not in pool.server.log
