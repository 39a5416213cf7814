"""Clean scripts are called clean: the samples, with requests as visitors send them, and some of the citizens
of tests/isolation, each of which leaves something in its process.

`python -m cgicompat compare` over all of the citizens takes a minute or two, so here it is every tenth.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace

import pytest

from cgicompat import config
from cgicompat.compare.case import Case, Options
from cgicompat.compare.engine import compare
from cgicompat.compare.report import Report, ScriptReport
from tests.compare.conftest import case
from tests.harness.processes import REPOSITORY
from tests.isolation.table import CITIZENS, Citizen

pytestmark = pytest.mark.xdist_group("samples")  # a comparison of its own

FORM = "application/x-www-form-urlencoded"
SLOW = ("countdown.py", "nph-clock.py")  # seconds, on purpose
POSTS = {
    "/cgi-bin/form.py": b"name=Ada&colour=red&colour=blue",
    "/cgi-bin/guestbook/guestbook.py": b"name=Ada&message=Hello",
    "/cgi-bin/shop/shop.py": b"add=1",
}
SOME = [citizen for citizen in CITIZENS if citizen.can_run][::10]


NOTHING = "500 (no output), exit status 0"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """All in one comparison, so that all share a process too."""
    site = tmp_path_factory.mktemp("samples").resolve()
    shutil.copytree(REPOSITORY / "samples", site, dirs_exist_ok=True)
    scripts = [path for path in sorted((site / "cgi-bin").rglob("*")) if path.suffix in (".py", ".sh", ".pl")]
    cases = [case(site, f"/{script.relative_to(site)}") for script in scripts if script.name not in SLOW]
    cases += [_post(case(site, path, "POST", body), body) for path, body in POSTS.items()]
    (site / "cgi-bin" / "citizens").mkdir()
    for citizen in SOME:
        shutil.copy(citizen.file, site / "cgi-bin" / "citizens")
        cases.append(case(site, f"/cgi-bin/citizens/{citizen.file.name}"))
    settings = config.load(str(site), {"put_back": "guards"}, {})  # of which the citizens tell
    return compare(settings, cases, Options(repeat=2))


def _post(form: Case, body: bytes) -> Case:
    return replace(form, environ={**form.environ, "CONTENT_TYPE": FORM}, body=body)


def test_the_samples_are_the_same(report: Report) -> None:
    samples = {script.path: script.verdict for script in report.scripts if "citizens" not in script.path}
    assert len(samples) > 15
    modules = {f"/cgi-bin/shop/{name}.py": f"fails everywhere: {NOTHING}" for name in ("catalog", "layout")}
    modules["/cgi-bin/oops.py"] = "fails everywhere: 200 OK, exit status 1"  # cgitb's page
    if sys.version_info < (3, 13):  # that has a cgitb of its own
        assert samples.pop("/cgi-bin/oops.py").startswith("differs: body, ")
        del modules["/cgi-bin/oops.py"]
    assert samples == dict.fromkeys(samples, "same everywhere") | modules


@pytest.mark.parametrize("citizen", SOME, ids=lambda citizen: citizen.name)
def test_citizens(report: Report, citizen: Citizen) -> None:
    script: ScriptReport = next(
        script for script in report.scripts if script.path.endswith(citizen.file.name)
    )
    assert script.verdict == "same everywhere"
    if citizen.spent:
        assert any("cgihandler replaces its process" in remark for remark in script.remarks)
    if citizen.words:
        assert any(citizen.is_named_by(str(leak)) for leak in script.leaks), list(map(str, script.leaks))
