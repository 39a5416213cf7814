"""bin/bench: the rows of its tables fit together, a rewrite gives the same pages as the scripts, and a
measurement comes to its end."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import subprocess
import sys
from wsgiref.util import FileWrapper

import pytest

from tests.bench.micro import worker
from tests.bench.race import __main__ as command
from tests.bench.race import document, measure
from tests.bench.race.measure import Contestant, LeftOut, Site
from tests.bench.race.peers import PEERS, QUICK, Need, Peer
from tests.bench.race.scripts import SCRIPTS
from tests.harness.processes import REPOSITORY, host_environ

KEYS = {script.key for script in SCRIPTS}
NAMES = [peer.name for peer in PEERS]
VALUES = dict.fromkeys(("home", "port", "root", "python", "bare", "path", "cores", "more", "user"), "1")


@pytest.mark.parametrize("peer", PEERS, ids=NAMES)
def test_a_peer_is_well_formed(peer):
    assert NAMES.count(peer.name) == 1
    assert re.fullmatch(r"[\w.-]+", peer.name)  # it names a directory and a cgroup
    assert peer.group in document.COLOURS
    assert {*peer.cannot, *peer.only} <= KEYS
    texts = [
        text
        for server in peer.servers
        for text in (server.command, server.configuration, *server.env.values())
    ]
    assert all("%(" not in text % VALUES for text in texts)
    assert sum("%(port)s" in text for text in texts) == 1


def test_aims_are_of_what_there_is():
    assert document.WHOLE in worker.RUN
    for aim in document.AIMS:
        assert {aim.peer, aim.other} <= set(NAMES)
        assert set(aim.least) <= KEYS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("site"), ())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.page)
def test_script_and_rewrite_give_the_same_page(script, site):
    variables = {"REQUEST_METHOD": script.method, "QUERY_STRING": script.query}
    variables |= {"HTTP_COOKIE": script.headers.get("Cookie", "")}
    variables |= {"CONTENT_TYPE": script.headers.get("Content-Type", "")}
    variables |= {"CONTENT_LENGTH": str(len(script.body))}
    printed = subprocess.run(
        [site.root / f"cgi-bin/{script.page}.py"],
        input=script.body,
        env=host_environ(**variables),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    head, _, page = printed.partition(b"\n\n")
    assert script.expects in page

    spec = importlib.util.spec_from_file_location("rewrite", site.root / "rewrite.py")
    rewrite = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rewrite)
    started = []
    environ = {"PATH_INFO": "/" + script.page, "wsgi.input": io.BytesIO(script.body), **variables}
    environ["wsgi.file_wrapper"] = FileWrapper
    chunks = rewrite.application(environ, lambda *arguments: started.append(arguments))
    assert b"".join(chunks) == page
    [(status, headers)] = started
    assert status == "200 OK"
    assert set(head.decode().splitlines()) <= {f"{name}: {value}" for name, value in headers}


def test_another_checkout_takes_part_beside_this_one(tmp_path):
    chosen = command.options(command.arguments(["--against", str(REPOSITORY)]))
    assert [peer.name for peer in chosen.peers] == [
        *("scgi-fork", "scgi-fork-before", "scgi-cgihandler", "scgi-cgihandler-before")
    ]
    site = Site(tmp_path / "site", (), tmp_path)
    (tmp_path / "cgicompat.py").write_text("print('the other one')\n")
    for python, other in ((site.before, True), (site.python, False)):
        run = [str(python), "-c", "import cgicompat"]
        assert (b"other" in subprocess.run(run, stdout=subprocess.PIPE, cwd="/").stdout) is other
    with pytest.raises(SystemExit, match="no checkout of cgicompat"):
        command.options(command.arguments(["--against", str(tmp_path)]))


def test_a_peer_that_is_not_installed_is_left_out_with_advice(site):
    peer = Peer("absent", "CGI", "a server", (), (Need("no-such-program", "no-such-package"),))
    with pytest.raises(LeftOut, match=r"no-such-program is not there .*apt-get install no-such-package"):
        Contestant(peer, site)


def test_a_measurement_of_tiny_size(tmp_path):
    script = tmp_path / "scripts/own.py"
    script.parent.mkdir()
    script.write_text("import helper\nprint('Content-Type: text/plain\\n')\nprint(helper.WORD)\n")
    (script.parent / "helper.py").write_text("WORD = 'mine'\n")
    what = ["--script", str(script)]
    small = ["--concurrency", "8", "--rounds", "1", "--seconds", "0.2", "--client", "python"]
    run = [sys.executable, "-m", "tests.bench.race", *what, *small, "--output", str(tmp_path / "out")]
    shown = subprocess.run(run, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout
    data = json.loads((tmp_path / "out/results.json").read_text())
    assert not data["left out"]
    assert [row["peer"] for row in data["results"]] == list(QUICK)
    for row in data["results"]:
        assert row["rate"] > 1
        assert 0 < row["p50"] <= row["p99"]
        assert row["cpu"] > 0
        assert row["memory"] > 1
        assert row["failed"] == 0
    for peer in QUICK:
        assert data["peers"][peer]["what"] in shown

    other = {**data, "scripts": {"S9": "another"}, "results": [{**data["results"][0], "script": "S9"}]}
    assert document.Results(measure.together([data, other])).scripts == [*data["scripts"], "S9"]

    results = document.Results(data)
    document.document(results, tmp_path)
    text = (tmp_path / "performance.md").read_text()
    assert data["machine"]["processor"] in text
    assert document.number(results.ratio(data["results"][0]["script"], "8", QUICK[2], QUICK[0])) in text
