"""Life, points 44-47: changes, limits, crowds and other languages."""

from __future__ import annotations

import fcntl
import hashlib
import random
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.changes import CHANGES, by_rename, newer, older, restored, within_the_second
from tests.harness.doors import CONFIGURATION, Scgi, Site
from tests.harness.processes import alive, until

pooled = pytest.mark.doors("serve", "asgi", "wsgi", "scgi")


@pytest.mark.parametrize("change", CHANGES)
def test_point_44_changed_script(site, change):
    script = site.script("print('text 1')")
    file = site.directory / "script.py"
    original = file.read_text()
    for version in "1231":
        change(file, original.replace("text 1", f"text {version}"))
        assert site.get(script).body == f"text {version}\n".encode()


PYC = "Python trusts a cached helper of the same size and second"


@pytest.mark.parametrize(
    "change",
    [
        *(newer, older),
        *(
            pytest.param(change, marks=pytest.mark.unlike_apache(PYC))
            for change in (within_the_second, by_rename, restored)
        ),
    ],
)
def test_point_44_changed_helper(site, change):
    script = site.script("import helper, package.inner; print(helper.TEXT, package.inner.TEXT)")
    helper, inner = site.file("helper.py", "TEXT = 0\n"), site.file("package/inner.py", "TEXT = 0\n")
    site.file("package/__init__.py", "")
    for version in "1231":
        change(helper, f"TEXT = {version}\n")
        change(inner, f"TEXT = {version}\n")
        assert site.get(script).body == f"{version} {version}\n".encode()


def test_point_44_helper_that_appears_and_goes(site):
    script = site.script(
        """
        try:
            from helper import TEXT
        except ImportError:
            TEXT = "none"
        print(TEXT)
        """
    )
    assert site.get(script).body == b"none\n"
    helper = site.file("helper.py", "TEXT = 'here'\n")
    assert site.get(script).body == b"here\n"
    helper.unlink()
    shutil.rmtree(site.directory / "__pycache__", ignore_errors=True)
    assert site.get(script).body == b"none\n"


@pytest.mark.parametrize("change", [newer, by_rename])
def test_point_44_run_under_way_keeps_the_old_text(site, change):
    source = """
        import os, time
        def text(): return "version 1"
        print("started", flush=True)
        while not os.path.exists("gate"): time.sleep(0.01)
        print(text(), __file__)
    """
    script = site.script(source)
    file = site.directory / "script.py"
    request = site.open("GET", script)
    request.wait_for(b"started\n")
    change(file, file.read_text().replace("version 1", "version 2"))
    site.file("gate")
    assert request.finish().body == f"started\nversion 1 {file}\n".encode()
    assert site.get(script).body == f"started\nversion 2 {file}\n".encode()


LIMIT = 1.0  # seconds that scripts named slow* have


@pooled
def test_point_45_time_limit(site):
    script = site.script("import time; time.sleep(30)", name="slow.py")
    start = time.monotonic()
    page = site.get(script)
    assert LIMIT <= time.monotonic() - start < 25
    assert page.status == 504 if site.door.http else 500 <= page.status <= 504
    site.logged("slow.py")
    assert site.page("print('next')", name="next.py").body == b"next\n"
    until(lambda: not site.door.zombies())
    if site.door.name != "apache":
        [line] = [line for line in site.log().splitlines() if "slow.py" in line]
        assert "time limit of 1 s is over" in line


@pytest.mark.doors("serve", "asgi", "wsgi")
@pytest.mark.runners("fork", "cgi")
def test_point_45_time_limit_after_output(site):
    """The client can tell that something is missing."""
    page = site.page("import time; print('begun', flush=True); time.sleep(30)", name="slow.py")
    assert (page.status, page.body) == (200, b"begun\n")
    assert not page.whole


@pytest.mark.doors("scgi")
def test_point_45_script_may_clean_up_at_sigterm(site):
    site.page(
        """
        import signal, sys, time
        def end(number, frame):
            open("cleaned up", "w").close()
            sys.exit(1)
        signal.signal(signal.SIGTERM, end)
        time.sleep(30)
        """,
        name="slow.py",
    )
    until((site.directory / "cleaned up").exists)
    page = site.page("import time; time.sleep(1.5); print('whole')", name="next.py")
    assert page.body == b"whole\n", "it pays for the one before"


@pytest.mark.doors("serve", "scgi")
@pytest.mark.unlike_apache("ends the script alone")
def test_point_45_nothing_outlives_the_limit(site):
    """Neither what computes and ignores SIGTERM, nor its child, nor its grandchild."""
    script = site.script(
        """
        import os, signal, subprocess
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        line = "trap '' TERM; sleep 30 & echo $! $$ > pids.new; mv pids.new pids; wait"
        subprocess.Popen(["sh", "-c", line])
        while True: pass
        """,
        name="slow.py",
    )
    page = site.get(script)
    assert page.status >= 500
    pids = [int(pid) for pid in (site.directory / "pids").read_text().split()]
    assert len(pids) == 2
    until(lambda: not any(alive(pid) for pid in pids))
    assert site.page("print('next')", name="next.py").body == b"next\n"


# Holds a lock for as long as it runs.
LOCKING = """
import fcntl, os, time
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("locked", flush=True)
"""


SILENT = ("time.sleep(30)", "while True: pass", "os.system('exec sleep 30')")
SOON = 0.2  # seconds: a client that ends its side sooner after its request may only have ended its side


def ends(site: Site, source: str, after: float = 0.0) -> None:
    """The script ends soon after its client has gone, which asked so many seconds before."""
    request = site.open("GET", site.script(LOCKING + source))
    request.wait_for(b"locked\n")
    lock = (site.directory / "lock").open()

    def unlocked() -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    assert not unlocked()
    time.sleep(after)
    request.drop()
    until(unlocked)
    if site.door.name == "scgi":
        site.logged('script.py "GET', "the client has gone")
        assert "signal" not in site.log() and "exit status" not in site.log()
    assert site.page("print('next')", name="next.py").body == b"next\n"


def test_point_45_client_gone_while_the_script_writes(site):
    ends(site, "while True: print('.' * 1000, flush=True); time.sleep(0.01)")


@pytest.mark.doors("serve", "asgi", "scgi")  # WSGI servers notice when they write, and so do web servers
@pytest.mark.parametrize("does", SILENT)
@pytest.mark.unlike_apache("notices when it writes")
def test_point_45_client_gone_while_the_script_is_silent(site, does):
    ends(site, does, SOON)


@pytest.mark.doors("serve")  # which alone waits whether it was only its side
@pytest.mark.runners("cgihandler")
def test_point_45_client_gone_at_once(site):
    ends(site, SILENT[0])


@pytest.mark.doors("scgi")
@pytest.mark.unlike_apache("notices when it writes")
def test_point_45_client_gone_though_the_script_ignores_it(site):
    ends(site, "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(30)")


@pytest.mark.doors("asgi", "wsgi", "scgi")
@pytest.mark.parametrize(("method", "name"), [("HEAD", "script.py"), ("GET", "lasting.py")])
def test_point_45_a_script_that_outlives_its_client(site, method, name):
    """As web servers have it with HEAD, which leave when they have the header."""
    source = """
        import os, sys, time
        print("begun", flush=True)
        open("begun", "w").close()
        while not os.path.exists("gone"): time.sleep(0.01)
        for _ in range(3): print("." * 100_000, flush=True)
        time.sleep(0.1)
        os.write(1, b"past sys.stdout")
        assert os.system("echo by a child") == 0
        open("finished", "w").close()
    """
    request = site.open(method, site.script(source, name=name))
    request.wait_for(b"text/plain")
    until((site.directory / "begun").exists)
    time.sleep(SOON)
    request.drop()
    site.file("gone", "")
    until((site.directory / "finished").exists)
    assert site.page("print('next')", name="next.py").body == b"next\n"
    assert "Traceback" not in site.log() and "signal" not in site.log()


@pytest.mark.doors("serve", "wsgi", "scgi")  # uvicorn itself takes it for gone
def test_point_45_a_client_that_ends_its_side_waits_for_its_answer(site):
    request = site.open("GET", site.script("import time; time.sleep(0.5); print('here')"))
    request.end_side()
    assert request.finish().body == b"here\n"


def test_point_46_twenty_uploads_at_once(site):
    script = site.script(
        """
        import hashlib, os, sys
        first = sys.stdin.buffer.read(int(os.environ["QUERY_STRING"].partition("=")[2]) // 2)
        print(os.environ["QUERY_STRING"], hashlib.sha256(first + sys.stdin.buffer.read()).hexdigest())
        """
    )
    sizes = [int(2**n) for n in range(20)]
    random.shuffle(sizes)

    def upload(size: int) -> None:
        body = random.randbytes(size)
        page = site.post(script, body, query=f"n={size}")
        assert page.body == f"n={size} {hashlib.sha256(body).hexdigest()}\n".encode()

    with ThreadPoolExecutor(len(sizes)) as threads:
        assert len(list(threads.map(upload, sizes))) == 20


def pool(request: pytest.FixtureRequest, runner: str, settings: str) -> Site:
    """A directory of scripts behind a pool of its own, with other settings."""
    name = f"{request.node.originalname}-{runner}".removeprefix("test_point_")
    home = request.getfixturevalue("home") / name
    door = Scgi(runner, home, CONFIGURATION.replace("workers = 1", settings))
    request.addfinalizer(door.stop)
    return Site(door, "folder")


@pytest.mark.doors("scgi")
@pytest.mark.parametrize("runner", ["fork", "cgihandler"])
def test_point_46_twenty_uploads_to_four_workers(request, runner):
    test_point_46_twenty_uploads_at_once(pool(request, runner, "workers = 4"))


@pytest.mark.doors("scgi")
@pytest.mark.runners("cgihandler")
def test_point_46_max_requests(request):
    site = pool(request, "cgihandler", "workers = 1\nmax-requests = 2")
    script = site.script("print('served')")
    pids = [site.get(script).pid for _ in range(6)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4] == pids[5]


SHELL = """\
#!/bin/sh -e
echo Content-Type: text/plain
echo
echo "$REQUEST_METHOD $QUERY_STRING $1"
cat
"""

PERL = """\
#!/usr/bin/perl -w
print "Content-Type: text/plain\\n\\n", "$ENV{REQUEST_METHOD} $ENV{QUERY_STRING} $ARGV[0]\\n", <STDIN>;
"""

C = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    int c;
    printf("Content-Type: text/plain\n\n");
    printf("%s %s %s\n", getenv("REQUEST_METHOD"), getenv("QUERY_STRING"), argc > 1 ? argv[1] : "");
    while ((c = getchar()) != EOF) putchar(c);
    return 0;
}
"""


def other_language(site: Site, name: str) -> None:
    if name == "program":
        source = site.file("program.c", C)
        subprocess.run(["cc", "-o", site.directory / name, source], check=True)
        source.unlink()
    else:
        site.file(name, {"script.sh": SHELL, "script.pl": PERL}[name], 0o755)


@pytest.mark.doors("serve", "asgi", "wsgi", "scgi")
@pytest.mark.runners("cgi")
@pytest.mark.parametrize(
    ("name", "needs"), [("script.sh", "/bin/sh"), ("script.pl", "/usr/bin/perl"), ("program", "cc")]
)
def test_point_47_other_languages(site, name, needs):
    if not shutil.which(needs):
        pytest.skip(f"{needs} is not installed")
    other_language(site, name)
    page = site.get(f"{site.path}/{name}", "word")
    assert (page.status, page.body) == (200, b"GET word word\n")
    page = site.open("PUT", f"{site.path}/{name}", query="a=b", headers=[("A", "b")], body=b"body").finish()
    assert re.fullmatch(rb"PUT a=b .*\nbody", page.body) or page.body == b"PUT a=b \nbody"


@pytest.mark.unlike_apache("runs what the line names, if there is such a thing")
@pytest.mark.parametrize(
    "line",
    [
        "#!/usr/local/bin/python",
        "#!/usr/bin/python2.2 -tt",
        "#!/usr/bin/env python2.2",
        "#!/no/such/directory/python3.1",
        "#! /usr/bin/env python\r",
        "#!C:\\Python27\\python.exe -u",
    ],
)
def test_point_47_any_python_is_our_python(site, line):
    source = 'import sys\nprint("Content-Type: text/plain\\n")\nprint(sys.version, __name__)\n'
    site.file("script", f"{line}\n{source}", 0o755)
    page = site.get(f"{site.path}/script")
    assert (page.status, page.body) == (200, f"{sys.version} __main__\n".encode())


def test_point_47_unbuffered_python(site):
    """`-u` in the first line is there for scripts that write in two ways."""
    source = 'import os\nprint("Content-Type: text/plain\\n")\nprint("print")\nos.write(1, b"write\\n")\n'
    site.file("script.py", f"#!{sys.executable} -u\n{source}", 0o755)
    assert site.get(f"{site.path}/script.py").body == b"print\nwrite\n"


FLAGS = """
import sys, warnings
print("Content-Type: text/plain\\n")
import cgi
flags = sys.flags
print(flags.optimize, __debug__, flags.isolated, flags.ignore_environment, flags.no_user_site, flags.no_site)
print(flags.dev_mode, "utf8" in sys._xoptions and flags.utf8_mode, flags.safe_path, sys.warnoptions)
print(sys._xoptions, bool(cgi.__doc__))
print([entry for entry in sys.path if entry == sys.argv[0].rpartition("/")[0]] != [], __name__)
"""


@pytest.mark.doors("serve", "scgi", "cgi")
@pytest.mark.parametrize(
    ("start", "options"),
    [
        *[("#!", option) for option in ("-O", "-I", "-E", "-sS", "-uB", "-OOuWdefault")],
        ("#!/usr/bin/env -S ", "-P -X utf8 -W error"),
        ("#!/usr/bin/env -S A=b ", "-X dev"),
    ],
)
def test_point_47_options_of_python(site, start, options):
    """As that Python itself shows them; under plain CGI it may have no cgi module."""
    source = f"{start}{sys.executable} {options}{FLAGS}"
    plain = site.file("plain.py", source.replace("import cgi", "import string as cgi"), 0o755)
    shown = subprocess.run(
        [sys.executable, *options.split(), plain], stdout=subprocess.PIPE, check=True
    ).stdout
    name = "plain.py" if site.door.name == "apache" else "script.py"
    site.file("script.py", source, 0o755)
    assert site.get(f"{site.path}/{name}").body == shown.partition(b"\n\n")[2]


@pytest.fixture(scope="session")
def environment(home: Path) -> Path:
    """A virtualenv with a package in it."""
    path = home / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(path)], check=True)
    [packages] = path.glob("lib/python*/site-packages")
    (packages / "only_there.py").write_text("where = __file__")
    return path


@pytest.mark.parametrize("line", ["#!{python} -O", "#!/usr/bin/env -S A=b {python}"])
def test_point_47_packages_of_a_virtualenv(site, environment, line):
    source = """
import sys
print("Content-Type: text/plain\\n")
import only_there
print(only_there.where, sys.prefix, __name__)
"""
    site.file("script.py", line.format(python=environment / "bin" / "python") + source, 0o755)
    page = site.get(f"{site.path}/script.py")
    [module] = environment.glob("lib/python*/site-packages/only_there.py")
    assert page.body.decode() == f"{module} {environment} __main__\n"


@pytest.mark.unlike_apache("answers 500")
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("#!{}/python", "without the packages of its virtualenv"),
        ("#!/usr/bin/python2.2", "its #! line names /usr/bin/python2.2, which is not there"),
    ],
)
def test_point_47_python_that_is_not_there(site, line, said):
    broken = site.directory / "broken"
    (broken / "bin").mkdir(parents=True)
    (broken / "pyvenv.cfg").write_text("home = /nowhere\n")
    source = f"{line.format(broken / 'bin')}\nprint('Content-Type: text/plain\\n\\nruns')\n"
    site.file("script.py", source, 0o755)
    assert site.get(f"{site.path}/script.py").body == b"runs\n"
    site.logged(said)


@pytest.mark.parametrize("name", ["python2.7", "python"])
def test_point_47_python_2(site, name):
    """By whichever name: 7 / 2 is another thing there."""
    old = site.directory / "old"
    old.mkdir()
    (old / "python2.7").write_text('#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nPython 2 $1 $2"\n')
    (old / "python2.7").chmod(0o755)
    (old / "python").symlink_to("python2.7")
    script = site.file("script.py", f"#!{old}/{name} -Qnew\nprint 1\n", 0o755)
    assert site.get(f"{site.path}/script.py").body == f"Python 2 -Qnew {script}".encode()


@pooled
@pytest.mark.unlike_apache("answers 500")
def test_point_47_neither_executable_nor_python(site):
    site.file("notes", "just some notes\n")
    page = site.get(f"{site.path}/notes")
    assert page.status == 403
    assert b"just some notes" not in page.body
    assert "chmod" not in site.logged("notes is no script: not Python, not executable")


@pooled
@pytest.mark.runners("cgi")
@pytest.mark.unlike_apache("says that there is no such file")
def test_point_47_a_first_line_of_windows(site):
    site.file("script.sh", "#!/bin/sh\r\necho\r\n", 0o755)
    assert site.get(f"{site.path}/script.sh").status == 500
    site.logged("its #! line ends with CR LF, as on Windows: sed -i ")


@pytest.mark.unlike_apache("answers 500")
def test_point_47_python_need_not_be_executable(site):
    script = site.script("print('runs')")
    (site.directory / "script.py").chmod(0o644)
    assert site.get(script).body == b"runs\n"
