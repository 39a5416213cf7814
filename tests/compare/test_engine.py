"""What is planted is found, in words that say what and when; what is the same stays unmentioned."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from cgicompat import config
from cgicompat.compare.bench import Bench
from cgicompat.compare.case import CompareError, Options
from cgicompat.compare.engine import compare
from cgicompat.compare.html import page
from cgicompat.compare.report import DIFFERS, SAME, UNSTABLE, Report, ScriptReport
from cgicompat.guards.change import SPENT, WITH_MEMORY
from tests.compare.conftest import PLANTED, case, planted, run
from tests.harness.processes import REPOSITORY, until

NAMES = sorted(file.stem for file in PLANTED.glob("*.py"))


def of(report: Report, name: str) -> ScriptReport:
    return next(script for script in report.scripts if script.path == f"/cgi-bin/{name}.py")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("same_")])
def test_no_difference_where_there_is_none(report: Report, name: str) -> None:
    script = of(report, name)
    assert (script.verdict, script.same) == ("same everywhere", True)


EXPECTED = {
    "differs_next_call": "same under fork; cgihandler differs: body, line 1: 'before: 2' in place of "
    "'before: 1', on call 2 in the same process",
    "differs_after_another": "same under fork; cgihandler differs: body, line 1: 'found: ",
    "differs_body": "differs: body, line 2: 'in a pool' in place of 'alone'",
    "differs_header": "differs: header 'Set-Cookie: b=2' ",
    "differs_file": "differs: file cgi-bin/written.txt: permissions 0600 in place of permissions 0644, "
    "and 1 more",
    "differs_stderr": "differs: stderr, line 1: 'a pool!' in place of 'alone!'",
    "differs_status": "same under cgihandler; fork differs: status 503 Busy in place of 200 OK, and 1 more",
    "differs_bytes": "differs: body: the first that differs is number 5",
    "unstable": "unstable, cannot tell: its body varies under the reference itself",
    "fails_exception": "fails everywhere: LookupError: nothing there",
    "fails_killed": "fails everywhere: 502 (the script was killed), exit status 137",
}


def test_each_difference_has_its_words() -> None:
    assert [name for name in NAMES if not name.startswith("same_")] == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_planted_is_found(report: Report, name: str) -> None:
    script = of(report, name)
    assert script.verdict.startswith(EXPECTED[name])
    assert not script.same
    assert not report.same


def test_the_order_of_requests_is_named(report: Report) -> None:
    verdict = of(report, "differs_after_another").verdict
    assert "after GET /cgi-bin/" in verdict
    assert "in the same process" in verdict


def test_the_audit_names_what_scripts_change(report: Report) -> None:
    leaks = of(report, "same_patch").leaks
    assert any("json.dumps" in leak.what and "same_patch.py:5" in leak.where for leak in leaks)
    thread = of(report, "same_thread")
    assert any("thread" in leak.what and leak.fate == SPENT for leak in thread.leaks)
    assert any("cgihandler replaces its process after the call" in remark for remark in thread.remarks)


def test_memory_is_put_back_where_a_pool_would(tmp_path: Path) -> None:
    """What guards do not see is the same then; a thread is not memory."""
    names = ("differs_after_another", "differs_next_call", "same_patch", "same_thread")
    report = run(planted(tmp_path, *names), repeat=2, flags={"put_back": "memory"})
    assert {script.verdict for script in report.scripts} == {"same everywhere"}
    assert not report.remarks
    assert {leak.fate for leak in of(report, "same_patch").leaks} == {WITH_MEMORY}
    assert all(words in page(report) for words in (SPENT, WITH_MEMORY))
    assert of(report, "same_patch").cases[0].spent == ""
    assert "a thread is still running" in of(report, "same_thread").cases[0].spent
    assert of(report, "same_thread").best != "cgihandler"


def test_the_fastest_runner_that_is_safe(report: Report) -> None:
    best = {name: of(report, name).best for name in NAMES}
    assert best["same_hello"] in ("cgihandler", "fork")
    assert best["same_thread"] == "fork"  # a process for each call is nothing to gain
    assert best["differs_next_call"] == "fork"
    assert best["differs_status"] == "cgihandler"
    assert best["differs_body"] == "cgi"
    assert best["unstable"] == ""
    assert of(report, "differs_body").section == '[script."/cgi-bin/differs_body.py"]\nrunner = "cgi"\n'


def test_times(report: Report) -> None:
    case = of(report, "same_hello").cases[0]
    for runner in ("reference", "fork", "cgihandler"):
        times = case.times(runner)
        assert times
        assert 0 < times.least <= times.median <= times.most < 5
        assert 0 < times.cpu < 5
        assert 4 << 20 < times.peak < 200 << 20


def test_unstable_lines_are_shown_as_such(report: Report) -> None:
    unstable = of(report, "same_clock").cases[0].reference.unstable
    assert not {"status", "exit status"} & unstable.keys()


def test_nothing_was_changed_in_place(report: Report, site: Path) -> None:
    assert (site / "cgi-bin" / "count.txt").read_text() == "41"
    assert not (site / "cgi-bin" / "written.txt").exists()


def test_in_place(tmp_path: Path) -> None:
    planted(tmp_path, "same_counter")
    report = run(tmp_path, in_place=True, repeat=2, runners=("fork",))
    runs = 2 * 2 + 5 * (not report.same)  # where it differs, the reference is asked again
    assert (tmp_path / "cgi-bin" / "count.txt").read_text() == str(41 + runs)


def test_what_fails_everywhere(report: Report) -> None:
    """It is the same, and yet nothing to rely on: no runner is written down for it."""
    script = of(report, "fails_exception")
    assert (script.same, script.best, script.section) == (False, "", "")
    assert {script.state(runner) for runner in script.runners} == {"fails"}


def write(directory: Path, name: str, source: str) -> None:
    file = directory / "cgi-bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)
    file.chmod(0o755)


WHAT = """#!/usr/bin/env -S python3 -E
import sys, os
print("Content-Type: text/plain\\n")
print(sys.flags.ignore_environment)
print(any(name.startswith("cgicompat") for name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(("reference", "said"), [("", "False"), ("cgicompat", "True")])
def test_the_reference_is_python_with_the_script(tmp_path: Path, reference: str, said: str) -> None:
    """As a web server starts it, with the options of its `#!` line; our own runner where that is told."""
    write(tmp_path, "what.py", WHAT)
    report = run(tmp_path, repeat=2, reference=reference, ignore=("True|False",))
    assert report.same
    parts = report.cases[0].reference_runs[0].parts
    assert (parts["body"].lines, parts["stderr"].lines) == (("1", ""), (said, ""))
    assert report.reference.startswith("the cgi runner" if reference else "plain CGI, Python 3.")


def test_a_python_of_another_version_is_named(tmp_path: Path) -> None:
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\necho 3.2.1 of old\n")
    other.chmod(0o755)
    write(tmp_path, "old.py", f"#!{other}\nprint('Content-Type: text/plain\\n\\nok')\n")
    script = run(tmp_path, repeat=2, runners=("fork",)).scripts[0]
    assert script.verdict == "same everywhere"
    assert f"its #! line names {other} (3.2.1), which --reference would take" in script.remarks


def test_the_reference_of_a_script_for_python_2_is_that(tmp_path: Path) -> None:
    other = tmp_path / "python2.7"
    other.write_text(
        "#!/bin/sh\n[ $1 = -c ] && echo 2.7.18 of old || printf 'Content-Type: text/plain\\n\\nPython 2'\n"
    )
    other.chmod(0o755)
    write(tmp_path, "old.py", f"#!{other}\nprint('Content-Type: text/plain\\n\\nPython 3')\n")
    report = run(tmp_path, repeat=2)
    [script] = report.scripts
    assert (script.verdict, script.runners) == ("same everywhere", ("cgi",))
    assert report.cases[0].reference_runs[0].parts["body"].lines == ("Python 2",)
    assert report.reference == "plain CGI, Python 2.7.18"


@pytest.mark.parametrize("module", ["cgi", "cgitb"])
def test_cgi_under_the_reference(tmp_path: Path, module: str) -> None:
    """Where its Python has none it borrows ours, and the report says so; older ones only warn."""
    source = f"import {module}, os\nprint('Content-Type: text/plain\\n')\n"
    write(tmp_path, "form.py", source + "for item in sorted(os.environ.items()): print(*item)\n")
    script = run(tmp_path, repeat=2).scripts[0]
    assert script.verdict == "same everywhere"
    assert not script.cases[0].spent
    assert any("has no cgi" in remark for remark in script.remarks) == (sys.version_info >= (3, 13))


@pytest.mark.skipif(sys.version_info < (3, 13), reason="its Python has cgi")
@pytest.mark.parametrize("inner", [True, False])
def test_the_runner_cgi_is_asked_before_it_is_advised(tmp_path: Path, inner: bool) -> None:
    """Where a Python that the script starts imports cgi, that has it under the reference alone."""
    start = "import subprocess, sys; print(subprocess.call([sys.executable, '-c', 'import cgi']))"
    varies = "print('cgicompat.runners.warm' in sys.modules)"
    source = "import cgi, sys\nprint('Content-Type: text/plain\\n', flush=True)\n"
    write(tmp_path, "page.py", source + (start if inner else varies) + "\n")
    script = run(tmp_path, repeat=2).scripts[0]
    assert script.best == ("" if inner else "cgi")


def test_lines_to_ignore(tmp_path: Path) -> None:
    planted(tmp_path, "differs_body")
    assert run(tmp_path, ignore=("alone|in a pool",), repeat=2).same
    with pytest.raises(CompareError, match="--ignore"):
        run(tmp_path, ignore=("(",))


def test_without_name_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts see the copy at its own path then, and nobody else does."""
    denied = tmp_path / "denied.py"
    denied.write_text("import sys; sys.exit(75)")
    monkeypatch.setattr("cgicompat.compare.bench._CELL", str(denied))
    site = tmp_path / "site"
    (site / "cgi-bin").mkdir(parents=True)
    (site / "cgi-bin" / "here.py").write_text(
        "import os\nprint('Content-Type: text/plain\\n')\n"
        "print(__file__, os.getcwd(), os.environ['SCRIPT_FILENAME'], os.environ['DOCUMENT_ROOT'])\n"
        "print(os.lstat(__file__).st_ino, flush=True)\n"
        "open('written', 'w'), 1 / 0\n"
    )
    report = run(site, repeat=2)
    assert report.scripts[0].verdict == "fails everywhere: ZeroDivisionError: division by zero"
    assert any("no mount name space" in remark for remark in report.remarks)
    parts = report.cases[0].trials[-1].parts
    script, folder = f"{site}/cgi-bin/here.py", f"{site}/cgi-bin"
    assert parts["body"].lines[0] == f"{script} {folder} {script} {site}"
    assert int(parts["body"].lines[1]) != (site / "cgi-bin" / "here.py").stat().st_ino
    assert f'  File "{script}", line 5, in <module>' in parts["stderr"].lines
    assert os.listdir(folder) == ["here.py"]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    temporary, site = tmp_path / "temporary", tmp_path / "site"
    temporary.mkdir(), (site / "cgi-bin").mkdir(parents=True)
    (site / "cgi-bin" / "wait.py").write_text("import time\ntime.sleep(60)\n")
    env = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "cgicompat", "compare", "cgi-bin/wait.py"]
    process = subprocess.Popen(command, cwd=site, env=env, stderr=subprocess.PIPE, text=True)
    until(lambda: list(temporary.glob("*/lab")), 20)
    process.send_signal(signal.SIGINT)
    assert "Aborted!" in process.communicate(timeout=15)[1]
    assert os.listdir(temporary) == []


def test_copies_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the temporary directory is in the one that is served."""
    planted(tmp_path, "same_temporary")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert run(tmp_path, repeat=2).same
    assert os.listdir(tmp_path / "temporary") == []


def test_a_copy_has_its_limit(site: Path) -> None:
    with pytest.raises(CompareError, match="--in-place"):
        run(site, copy_limit=100)


def test_files_come_back(tmp_path: Path) -> None:
    """Removed, renamed, replaced by a directory, closed to everybody."""
    folder = tmp_path / "cgi-bin"
    folder.mkdir()
    for name in ("removed", "renamed", "replaced", "closed", "sub/kept"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    (folder / "link").symlink_to("renamed")
    source = """import os
before = {name: oct(os.lstat(name).st_mode) for name in sorted(os.listdir(".")) if "cache" not in name}
os.remove("removed"), os.rename("renamed", "other"), os.remove("replaced"), os.makedirs("replaced/new")
os.chmod("closed", 0), os.rename("sub", "gone"), os.remove("link"), os.chmod(".", 0o700)
print("Content-Type: text/plain\\n")
print(before)
"""
    (folder / "havoc.py").write_text(source)
    report = run(tmp_path, "/cgi-bin/havoc.py", repeat=2)
    script = report.scripts[0]
    assert script.verdict == "same everywhere"
    parts = script.cases[0].reference_runs[0].parts
    assert parts["file cgi-bin/removed"].head == "removed"
    assert parts["file cgi-bin/replaced"].head.startswith("directory")
    assert parts["file cgi-bin/gone/kept"].lines == ("sub/kept",)
    assert (folder / "sub" / "kept").read_text() == "sub/kept"


def test_at_the_time_limit(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "slow.py").write_text("while True: pass\n")
    began = time.monotonic()
    report = run(tmp_path, flags={"timeout": "0.5"})
    assert report.scripts[0].verdict == (
        "unstable, cannot tell: the reference did not end within the time limit"
    )
    (tmp_path / "cgi-bin" / "slow.py").write_text(
        "import sys\nprint('Content-Type: text/plain\\n', flush=True)\n"
        "while 'cgicompat.runners.warm' in sys.modules: pass\n"
    )
    report = run(tmp_path, flags={"timeout": "0.5"}, repeat=2, runners=("fork",))
    assert "the time limit was over" in report.scripts[0].verdict
    assert time.monotonic() - began < 15


def test_a_body_larger_than_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "echo.py").write_text(
        "import sys\nprint('Content-Type: application/octet-stream\\n', flush=True)\n"
        "sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])\n"
    )
    body = os.urandom(300_000)
    settings = config.load(str(tmp_path), {}, {})
    found = compare(settings, [case(tmp_path, "/cgi-bin/echo.py", "POST", body)], Options(repeat=2))
    assert found.same
    assert found.cases[0].reference_runs[0].parts["body"].data == body[::-1]


def test_other_languages_run_alike_everywhere(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    script = tmp_path / "cgi-bin" / "hello.sh"
    script.write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n")
    script.chmod(0o755)
    report = run(tmp_path, "/cgi-bin/hello.sh", repeat=2)
    assert (report.scripts[0].verdict, report.scripts[0].best) == ("same everywhere", "")
    assert "a program of its own" in report.scripts[0].remarks[0]


def test_a_process_that_dies_between_calls_is_replaced(site: Path) -> None:
    hello = case(site, "/cgi-bin/same_hello.py")
    with Bench(config.load(str(site), {}, {}), Options()) as bench:
        process = bench.process("cgihandler")
        for _ in range(3):
            assert process.run(hello).output.endswith(b"hello\n")
            assert process.calls == 1
            bench.kill(process._pid, signal.SIGKILL)
            until(lambda: select.select([process._channel], [], [], 0)[0])
        process.close()


def test_a_script_may_kill_all(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "grudge.py").write_text("import os\nos.kill(os.getppid(), 9)\n")
    with pytest.raises(CompareError, match=r"GET /cgi-bin/grudge\.py, under fork: "):
        run(tmp_path, runners=("fork",))


def test_what_scripts_leave_running_is_ended(tmp_path: Path) -> None:
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "spawn.py").write_text(
        "import subprocess\nprint('Content-Type: text/plain\\n', flush=True)\n"
        "subprocess.Popen(['sleep', '987'], stdout=subprocess.DEVNULL, start_new_session=True)\n"
    )
    assert run(tmp_path, repeat=2, runners=("fork",)).same

    def sleeping() -> list[str]:
        lines = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True).stdout.splitlines()
        return [line for line in lines if "sleep 987" in line and not line.startswith("Z")]

    until(lambda: not sleeping())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_needs_no_rights(tmp_path: Path) -> None:
    """As nobody, in a directory of nobody's, with any Python that nobody may run."""
    libraries = Path(click.__file__).parents[1]
    home = tmp_path / "home"
    home.mkdir()
    planted(home, "same_counter", "differs_body")
    (home / "cgi-bin" / "old").mkdir()
    (home / "cgi-bin" / "same_closed.py").write_text(
        "import os\nos.makedirs('new/inner'), open('old/file', 'x').close()\n"
        "os.chmod('new/inner', 0), os.chmod('new', 0), os.chmod('old', 0)\n"
        "print('Content-Type: text/plain\\n\\nclosed')\n"
    )
    shutil.copytree(REPOSITORY / "cgicompat", tmp_path / "cgicompat")
    for path in (home, *home.rglob("*")):
        os.chown(path, 65534, 65534)
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH * (path == tmp_path))
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(libraries)!r}]\n"
        "from cgicompat.cli import main\n"
        f"sys.argv = ['cgicompat', 'compare', {str(home)!r}, '--json', '--repeat', '2']\n"
        "main()\n"
    )
    done = None
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            if subprocess.run(command, user=65534, group=65534, cwd="/").returncode == 0:
                command = [python, "-c", code]
                done = subprocess.run(
                    command, user=65534, group=65534, cwd="/", capture_output=True, text=True, timeout=50
                )
                break
        except OSError:
            pass
    if done is None:
        pytest.skip("nobody may run this Python, and there is no other")
    result = json.loads(done.stdout or "{}")
    verdicts = [script["verdict"] for script in result.get("scripts", ())]
    assert [verdict.partition(":")[0] for verdict in verdicts] == [
        "differs",
        "same everywhere",
        "same everywhere",
    ], (result, done.stderr)
    assert (home / "cgi-bin" / "count.txt").read_text() == "41"


def test_the_end_of_the_engine_is_the_end_of_all(tmp_path: Path) -> None:
    """kill -9 leaves no process and no copy behind."""
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "wait.py").write_text(
        "import os, time\nopen(os.environ['MARK'], 'a').write(f'{os.getpid()}\\n')\ntime.sleep(60)\n"
    )
    mark = tmp_path.parent / f"{tmp_path.name}.pids"
    command = [sys.executable, "-m", "cgicompat", "compare", str(tmp_path), "--env", f"MARK={mark}"]
    temporary = tmp_path.parent / f"{tmp_path.name}.temporary"
    temporary.mkdir()
    env = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=env, start_new_session=True)
    try:
        until(lambda: mark.exists() and mark.read_text().endswith("\n"), 20)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.wait(10)
    pid = int(mark.read_text().split()[0])

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    until(gone)
    until(lambda: not os.listdir(temporary))


@pytest.mark.parametrize("state", [SAME, DIFFERS, UNSTABLE])
def test_json_has_every_state(report: Report, state: str) -> None:
    scripts = report.as_json()["scripts"]
    assert any(state in script["runners"].values() for script in scripts)


def test_the_schema_is_documented(report: Report) -> None:
    text = (REPOSITORY / "docs" / "compare.md").read_text()
    found = report.as_json()
    script = found["scripts"][0]
    request = script["requests"][0]
    runner = request["runners"]["fork"]
    for level in (found, script, request, runner, runner["times"], runner["runs"][0]):
        assert [key for key in level if f"`{key}`" not in text] == []
