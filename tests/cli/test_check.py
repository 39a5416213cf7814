"""`cgicompat check`: real directories, looked at by the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.processes import host_environ

LINE = "#!/usr/bin/env python\n"
SITE = {
    ".htaccess": "Options +ExecCGI\nIndexOptions FancyIndexing\nAddHandler cgi-script .foo\n",
    "x.foo": "#!/nowhere/sh\n",
    "closed/x.foo": "#!/bin/sh\n",
    "closed/.htaccess": "Options -ExecCGI\n",
    "wrong/x.cgi": "#!/bin/sh\n",
    "wrong/.htaccess": "# two mistakes\nAction x /y\n<Files a>\nRequire nonsense\n</Files>\n",
    "cgi-bin/good.py": LINE + "import cgi, cgitb, os.path, helper\nfrom xml.etree import ElementTree",
    "cgi-bin/helper.py": "import json",
    "cgi-bin/never.py": LINE + "open('ran', 'w'); import no_such_module",
    "cgi-bin/old.py": LINE + "print 'x'",
    "cgi-bin/two.py": LINE + "import urllib2\nfrom urllib import quote",
    "cgi-bin/gone.py": LINE + "from binhex import hexbin\nimport xml.etree.cElementTree",
    "cgi-bin/tried.py": LINE + "try:\n  import no_such_json as json\nexcept ImportError:\n  import json",
    "cgi-bin/perhaps.py": LINE
    + "try:\n  import MySQLdb\nexcept ImportError:\n  MySQLdb = None\ndef f():\n  import no_such_one",
    "cgi-bin/version.py": LINE
    + "import sys\nif sys.version_info[0] < 3:\n  import Queue\nelse:\n  import queue",
    "cgi-bin/path.py": LINE + "import os, sys\nhere = os.path.dirname(os.path.abspath(__file__))\n"
    "sys.path.insert(0, os.path.join(here, '..', 'lib'))\nimport site_one, site_two",
    "cgi-bin/dynamic.py": LINE + "import sys\nsys.path.append(find())\nimport no_such_three",
    "lib/site_one.py": "",
    "lib/site_two.py": "import no_such_two",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in SITE.items():
        file = tmp_path / "www" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o644 if "lib" in name or name.endswith("access") else 0o755)
    return tmp_path / "www"


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cgicompat", "check", *map(str, arguments)]
    return subprocess.run(
        command, env=host_environ(), cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


def test_a_site(site: Path) -> None:
    run = check(site, "--json")
    assert (run.returncode, run.stderr) == (1, "")
    found: dict[str, Any] = json.loads(run.stdout)
    assert not (site / "cgi-bin/ran").exists()
    directives = {
        (one["file"].removeprefix(f"{site}/"), one["line"]): (one["name"], one["outcome"])
        for one in found["directives"]
    }
    assert directives == {
        (".htaccess", 1): ("Options", "understood"),
        (".htaccess", 2): ("IndexOptions", "ignored"),
        (".htaccess", 3): ("AddHandler", "understood"),
        ("closed/.htaccess", 1): ("Options", "understood"),
        ("wrong/.htaccess", 2): ("Action", "refused"),
        ("wrong/.htaccess", 3): ("<Files>", "understood"),
        ("wrong/.htaccess", 4): ("Require", "refused"),
    }
    scripts = {one["path"].removeprefix("/"): one for one in found["scripts"]}
    assert {name for name, one in scripts.items() if one["by_handler"]} == {"x.foo", "closed/x.foo"}
    problems = {name: one["problem"] for name, one in scripts.items() if one["problem"]}
    beginnings = {
        "x.foo": "its #! line names /nowhere/sh",
        "closed/x.foo": "answered with 403 (a script, and Options has no ExecCGI)",
        "wrong/x.cgi": f"answered with 500 ({site}/wrong/.htaccess:2)",
        "cgi-bin/never.py": "line 2 imports no_such_module, which is not installed",
        "cgi-bin/old.py": "line 2 is Python 2 (a print statement)",
        "cgi-bin/two.py": "line 2 imports urllib2, which was Python 2's: today that is urllib.request; ",
        "cgi-bin/gone.py": "line 2 imports binhex, which has left Python: use binascii or base64; line 3",
        "cgi-bin/path.py": "../lib/site_two.py, line 1 imports no_such_two",
    }
    assert problems.keys() == beginnings.keys()
    assert {name: problems[name][: len(text)] for name, text in beginnings.items()} == beginnings
    remarks = {name: one["remarks"] for name, one in scripts.items() if one["remarks"]}
    assert remarks.keys() == {"cgi-bin/perhaps.py", "cgi-bin/dynamic.py"}
    assert "unless a directory that it puts on sys.path" in remarks["cgi-bin/dynamic.py"][0]
    assert "pip install mysqlclient" in remarks["cgi-bin/perhaps.py"][0]
    assert "no_such_one" in remarks["cgi-bin/perhaps.py"][1]


def test_the_servers_file(site: Path) -> None:
    (site.parent / "programs").mkdir()
    (site.parent / "programs" / "x").write_text("#!/nowhere/perl\n")
    (site.parent / "programs" / "x").chmod(0o755)
    (site.parent / "programs" / "y").write_text(LINE + "import site_one")
    conf = site.parent / "httpd.conf"
    text = f"""DocumentRoot {site}
SetEnv PYTHONPATH {site}/lib
ScriptAlias /programs/ {site.parent}/programs/
LoadModule x y.so
<Directory {site}>
    AllowOverride None
    <Files a>
        Nonsense
    </Files>
</Directory>
"""
    conf.write_text(text)
    run = check(site, "--apache-conf", conf)
    assert run.returncode == 1
    assert "  ignored: LoadModule (4)\n" in run.stdout
    assert "  refused: line 8: Nonsense: not known here" in run.stdout
    conf.write_text(text.replace("Nonsense", "Require all denied"))
    run = check(site, "--apache-conf", conf)
    assert "refused" not in run.stdout
    assert ".htaccess" not in run.stdout  # none of them is read
    assert "/programs/x cannot run: its #! line names /nowhere/perl" in run.stdout
    assert "  /programs/y\n" in run.stdout  # by SetEnv PYTHONPATH
    conf.write_text("DocumentRoot /elsewhere\n")
    run = check(site, "--apache-conf", conf)
    assert ": DocumentRoot is /elsewhere, but " in run.stdout


def test_a_site_without_fault(tmp_path: Path) -> None:
    (tmp_path / "x.cgi").write_text("#!/bin/sh\n")
    (tmp_path / "x.cgi").chmod(0o755)
    run = check(tmp_path)
    assert (run.returncode, run.stdout.splitlines()) == (
        0,
        ["1 script", "  /x.cgi", "Nothing is refused, and nothing keeps a script from running."],
    )
    assert check(tmp_path / "none").returncode == 2
