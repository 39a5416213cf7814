"""Mercurial's own CGI script, whose libraries keep sys.stdout from their import: clone, browse, raw files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.doors import Serve, Site

pytest.importorskip("mercurial", reason="Mercurial is not installed")

# As in Mercurial's hgweb.cgi.
SCRIPT = """\
from mercurial.hgweb import hgweb, wsgicgi
application = hgweb({repository!r})
wsgicgi.launch(application)
"""
TIMES = int(os.environ.get("HGWEB_TIMES", 4))
CONTENT = bytes(range(256)) * 400


def hg(*arguments: str | Path, directory: Path) -> None:
    environ = {**os.environ, "HGPLAIN": "1", "HGUSER": "Ann", "HGRCPATH": ""}
    command = [sys.executable, "-m", "mercurial", *arguments]
    run = subprocess.run(command, cwd=directory, env=environ, capture_output=True, timeout=60)
    assert run.returncode == 0, run.stderr.decode()


@pytest.mark.parametrize("runner", ["fork", "cgihandler"])
def test_clone_browse_and_raw_file(home: Path, runner: str) -> None:
    door = Serve(runner, home / f"hgweb-{runner}")
    try:
        repository = door.home / "repository"
        repository.mkdir()
        hg("init", directory=repository)
        (repository / "all.bin").write_bytes(CONTENT)
        hg("commit", "--addremove", "-m", "the first of all", directory=repository)
        site = Site(door, "hg")
        script = site.script(SCRIPT.format(repository=os.fsencode(repository)), "hg.py", head=False)
        for _ in range(TIMES):
            page = site.get(script)
            assert page.status == 200 and b"the first of all" in page.body, site.log()[-2000:]
            raw = site.open("GET", script, "/raw-file/tip/all.bin").finish()
            assert (raw.status, raw.body) == (200, CONTENT), site.log()[-2000:]
        host, port = door.address
        hg("clone", f"http://{host}:{port}{script}", door.home / "copy", directory=door.home)
        assert (door.home / "copy" / "all.bin").read_bytes() == CONTENT
    finally:
        door.stop()
