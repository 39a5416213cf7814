"""What libraries do at their import: scripts that import them see what plain CGI shows, others nothing.

The libraries are small ones of the test's own. Each is asked through a script, again and again and in turn
with a bystander that does not import it; each answer is compared with that of the `cgi` runner.
"""

from __future__ import annotations

import functools
import os
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import wire
from tests.harness.doors import Scgi, Site
from tests.harness.processes import REPOSITORY, until

CONFIGURATION = """\
workers = 1
env = {{ PYTHONPATH = "{libraries}:{repository}", APP_DB = "production.db" }}
[script."/cgi-bin/imports/*_other.py"]
env = {{ APP_DB = "other.db" }}
"""

# Streams that a library keeps.
STREAMS = {
    "default": """
        import sys
        def tell(file=sys.stdout):
            print("by a default argument", file=file)
        """,
    "buffer": """
        import sys
        raw = sys.stdout.buffer
        def tell():
            raw.write(b"by the buffer\\n")
        """,
    "handler": """
        import logging, sys
        handler = logging.StreamHandler(sys.stdout)
        def tell():
            logger = logging.Logger("mine")
            logger.addHandler(handler)
            logger.warning("by a handler")
        """,
    "input": """
        import sys
        body = sys.stdin.buffer
        def tell(file=sys.stdin):
            print(body.read(3), file.read())
        """,
}

# Files that a library opens, at its import or later, and keeps.
FILES = {
    "log": """
        import os
        log = open("log.txt", "a")
        def tell():
            log.write("a record of the library\\n")
        """,
    "late_log": """
        import os
        log = None
        def tell():
            global log
            log = log or open("late_log.txt", "a")
            log.write("a record of the library\\n")
        """,
    "raw": """
        import os
        log = os.open("raw.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        def tell():
            os.write(log, b"a record of the library\\n")
        """,
    "late_raw": """
        import os
        log = []
        def tell():
            log or log.append(os.open("late_raw.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND))
            os.write(log[0], b"a record of the library\\n")
        """,
    "sqlite": """
        import os, sqlite3
        database = sqlite3.connect(os.environ["APP_DB"])
        database.execute("create table if not exists hits (hit integer primary key)")
        def tell():
            database.execute("insert into hits default values")
            database.commit()
            print(database.execute("select count(*) from hits").fetchone())
        """,
    "late_sqlite": """
        import functools, os, sqlite3
        @functools.cache
        def database():
            return sqlite3.connect("late_" + os.environ["APP_DB"])
        def tell():
            database().execute("create table if not exists hits (hit integer primary key)")
            database().execute("insert into hits default values")
            database().commit()
            print(database().execute("select count(*) from hits").fetchone())
        """,
    "callbacks": """
        import ctypes
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
        first = kind(abs)
        def tell():
            print(sum(kind(abs)(-1) for _ in range(3)), sum(f(-1) for f in [kind(abs) for _ in range(300)]))
        """,
}
# After the library has opened its file, before it writes there again.
DATA = """
with open("data.txt", "w") as file:
    lib_{name}.tell()
    file.write("data of the script")
print(open("data.txt").read())
"""

HEAD = "import os, sys\nprint('Content-Type: text/plain\\nX-Pid:', os.getpid(), end='\\n\\n', flush=True)\n"

# What libraries read in the environment at their import.
VARIABLES = {
    "variable": """
        import os
        database = os.environ.get("APP_DB", "development.db")
        def tell():
            print(database)
        """,
    "request": """
        import os
        query = os.environ["QUERY_STRING"], os.getenv("HTTP_COOKIE")
        def tell():
            print(*query)
        """,
    "whole": """
        import os
        settings = {name: value for name, value in os.environ.items() if name.startswith("APP_")}
        def tell():
            print(settings)
        """,
    "server": """
        import os
        database = os.environ.get("OF_THE_SERVER", "none")
        def tell():
            print(database)
        """,
}

# What they do to the process at their import, each a kind of its own; `fact` of the bystander shows it.
EFFECTS = {
    "umask": "import os; os.umask(0o27)",
    "directory": "import os; os.chdir('/')",
    "environment": "import os; os.environ['LEFT_BY_A_LIBRARY'] = 'yes'",
    "excepthook": "import sys; sys.excepthook = lambda *of: print(of)",
    "timeout": "import socket; socket.setdefaulttimeout(3)",
    "signal": "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    "recursion": "import sys; sys.setrecursionlimit(1234)",
    "warnings": "import warnings; warnings.simplefilter('ignore')",
    "logging": "import logging; logging.basicConfig(level=logging.DEBUG, format='%(message)s')",
    "decimal": "import decimal; decimal.getcontext().prec = 5",
    "default_decimal": "import decimal; decimal.DefaultContext.prec = 5",
    "path": "import sys; sys.path.append('/a/library')",
    "seed": "import random; random.seed(1)",
    "patch": "import json; json.dumps = lambda *of: 'patched'",
    "method": "import json; json.JSONEncoder.default = lambda *of: 'patched'",
    "table": "import mimetypes; mimetypes.add_type('library/type', '.library')",
    "list": "import mimetypes; mimetypes.knownfiles.append('/a/library')",
    "locale": "import locale; locale.setlocale(locale.LC_TIME, 'C.UTF-8')",
    "builtin": "import builtins; builtins.of_a_library = 1",
    "finder": "import sys; sys.meta_path.append(type('F', (), {'find_spec': lambda *of: None}))",
    "exit": "import atexit; atexit.register(print, 'at exit')",
    "output": "print('imported')",
    "error_output": "import sys; sys.stderr.write('imported')",
    "stream": "import sys; sys.stdout.reconfigure(errors='replace')",
    "thread": "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
    "child": "import os; os.system('true')",
    "hang_up": "import os; os.register_at_fork(after_in_child=lambda: None)",
    "file": "open(__file__ + '.txt', 'a').write('x')",
    "fails": "raise ValueError('at import')",
    "ends": "import os; os._exit(3)",
}

# Careless with streams, after the library and before the next request.
CARELESS = """
sys.stdin.close()
sys.stderr.reconfigure(line_buffering=False)
{}
"""
CARELESSNESS = {
    "close": "sys.stdout.close()",
    "close_below": "sys.stdout.buffer.close()",
    "detach": "sys.stdout.detach()",
    "detach_twice": "sys.stdout.detach().detach()",
    "wrap": "import io; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'latin-1')",
    "wrap_detached": "import io; sys.stdout = io.TextIOWrapper(sys.stdout.detach(), 'latin-1')",
    "reconfigure": "sys.stdout.reconfigure(encoding='utf-16', write_through=True, newline='\\r\\n')",
    "attribute": "sys.stdout.write = sys.stdout.buffer.write = len; sys.stdout.mode = 'x'",
    "outlives": "import io, json; json.kept = io.TextIOWrapper(sys.stdout.buffer)",
}

SHOW = """
from pathlib import Path
print([(file.name, file.read_text()) for file in sorted(Path().glob("*.txt"))], sorted(Path().glob("*.db")))
"""
FORGET = """
import itertools
from pathlib import Path
for file in itertools.chain(Path().glob("*.txt"), Path().glob("*.db")):
    file.unlink()
"""
BYSTANDER = """
import builtins, decimal, json, locale, logging, mimetypes
import os, random, signal, socket, sys, threading, warnings
class Odd: pass
def encode():
    try:
        return json.dumps(Odd())
    except TypeError:
        return "no"
mask = os.umask(0)
for fact in (
    mask, os.getcwd(), sorted(os.environ.items()), sys.excepthook, socket.getdefaulttimeout(),
    signal.getsignal(signal.SIGUSR1), sys.getrecursionlimit(), warnings.filters, logging.root.handlers,
    logging.root.level, decimal.getcontext(), decimal.Context(), sys.path, encode(), json.dumps([1]),
    mimetypes.guess_type("x.library"), mimetypes.knownfiles, locale.setlocale(locale.LC_TIME),
    hasattr(builtins, "of_a_library"), sys.meta_path[-1], sys.stdout.errors, threading.active_count(),
    len(os.listdir("/proc/self/task")), random.Random(1).random() == random.random(),
):
    print(str(fact)[:2000])
"""


def libraries() -> Iterator[tuple[str, str]]:
    yield from STREAMS.items()
    yield from FILES.items()
    yield from VARIABLES.items()
    for name, effect in EFFECTS.items():
        yield name, f"{effect}\ndef tell(): print('told')\n"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of libraries: lib_NAME for each."""
    folder = tmp_path_factory.mktemp("site-packages")
    for name, source in libraries():
        (folder / f"lib_{name}.py").write_text(textwrap.dedent(source))
    return folder


def put_scripts(door: Scgi) -> Site:
    site = Site(door, "imports")
    for name, _ in libraries():
        source = HEAD + f"import lib_{name}\nprint('script')\nlib_{name}.tell()\n"
        site.file(f"use_{name}.py", source, 0o755)
        site.file(f"use_{name}_other.py", source, 0o755)
    for name in FILES:
        site.file(f"use_{name}_data.py", HEAD + f"import lib_{name}\n" + DATA.format(name=name), 0o755)
    site.file("show.py", HEAD + SHOW, 0o755)
    site.file("forget.py", HEAD + FORGET, 0o755)
    for name, source in CARELESSNESS.items():
        site.file(f"careless_{name}.py", HEAD + CARELESS.format(source), 0o755)
    site.file("bystander.py", HEAD + BYSTANDER, 0o755)
    return site


Answer = Callable[..., tuple[int, list[str]]]


def ask(site: Site, name: str, **options: Any) -> tuple[int, list[str]]:
    page = site.open("POST", f"{site.path}/{name}.py", body=b"some body", **options).finish()
    assert page.status != 404
    return page.status, [line.replace(str(site.door.root), "ROOT") for line in page.lines]


@pytest.fixture(scope="module")
def expected(home: Path, packages: Path) -> Iterator[Answer]:
    """What a script prints in a process of its own."""
    configuration = CONFIGURATION.format(libraries=packages, repository=REPOSITORY)
    door = Scgi("cgi", home / "imports-cgi", configuration)
    yield functools.partial(ask, put_scripts(door))
    door.stop()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(runner, marks=pytest.mark.xdist_group(f"imports-{runner}"))
        for runner in ("fork", "cgihandler")
    ],
)
def site(request: pytest.FixtureRequest, home: Path, packages: Path) -> Iterator[Site]:
    configuration = CONFIGURATION.format(libraries=packages, repository=REPOSITORY)
    door = Scgi(request.param, home / f"imports-{request.param}", configuration)
    yield put_scripts(door)
    door.stop()


@pytest.mark.parametrize("careless", CARELESSNESS)
@pytest.mark.parametrize("name", STREAMS)
def test_streams_that_a_library_keeps_reach_each_response(site, expected, name, careless):
    for script in (f"use_{name}", f"use_{name}", f"careless_{careless}", f"use_{name}", f"use_{name}"):
        assert ask(site, script) == expected(script), site.log()[-2000:]


@pytest.mark.parametrize("name", FILES)
def test_files_of_a_library_are_its_own(site, expected, name):
    """Its records go where they belong and all of them, whatever files scripts open meanwhile."""
    use, data = f"use_{name}", f"use_{name}_data"
    for script in ("forget", use, data, "show", data, "bystander", use, data, "show"):
        assert ask(site, script) == expected(script), site.log()[-2000:]


@pytest.mark.parametrize("name", VARIABLES)
def test_libraries_read_the_environment_of_their_script(site, expected, name):
    use, other = f"use_{name}", f"use_{name}_other"
    for script in (use, use, other, use, other):
        for query in ("a=1", "b=2"):
            options = {"query": query, "headers": [("Cookie", query)]}
            assert ask(site, script, **options) == expected(script, **options), site.log()[-2000:]


def test_a_variable_of_the_web_server_reaches_a_library_that_is_preloaded(site):
    script = f"{site.path}/use_server.py"
    site.file("loaded_server.py", HEAD + "print('lib_server' in sys.modules)", 0o755)

    def ask_by_server(value: str) -> list[str]:
        environ = site.door.environ("GET", script) | {"OF_THE_SERVER": value}
        request = wire.scgi_request(environ, b"")
        return wire.Exchange(wire.parse_cgi, wire.connect(site.door.socket), request).finish().lines

    until(lambda: ask(site, "use_server")[0] == 200 and ask(site, "loaded_server")[1] == ["True"], 30)
    for value in ("one", "two"):
        assert ask_by_server(value) == ["script", value], site.log()[-2000:]
        assert ask(site, "use_server")[1] == ["script", "none"]
    assert site.log().count("OF_THE_SERVER") == 1, site.log()[-2000:]


@pytest.mark.timeout(150)
def test_who_does_not_import_a_library_sees_nothing_of_it(site, expected):
    """Not while nobody has tasted it, nor afterwards, nor after a reload."""
    alone = expected("bystander")
    answers = {name: expected(f"use_{name}") for name in EFFECTS}
    for name, answer in answers.items():
        assert ask(site, f"use_{name}") == answer, site.log()[-2000:]
    assert ask(site, "bystander") == alone
    heard_of = EFFECTS.keys() - {"fails", "ends"}

    def unrefused() -> list[str]:
        log = site.log()
        return [name for name in heard_of if f"lib_{name} is not preloaded" not in log]

    try:
        until(lambda: not unrefused(), 30)
    except pytest.fail.Exception:
        raise AssertionError(f"{unrefused()} {site.log()[-2000:]}") from None
    assert ask(site, "bystander") == alone
    for name in ("umask", "patch", "seed", "exit"):
        assert ask(site, f"use_{name}") == answers[name], site.log()[-2000:]
        assert ask(site, "bystander") == alone, name
    os.kill(site.door.server.pid, signal.SIGHUP)
    until(lambda: site.log().rstrip().endswith("reloading"))
    assert ask(site, "bystander") == alone
    assert ask(site, "use_seed") == answers["seed"]
    assert ask(site, "bystander") == alone


# What scripts usually import, and must not have to wait for.
HARMLESS = {
    "standard": (
        "argparse ast base64 calendar cgi cgitb collections csv datetime decimal email.mime.text hashlib "
        "html.parser http.cookies json logging os re secrets shelve sqlite3 subprocess tempfile "
        "urllib.request uuid xml.etree.ElementTree zipfile"
    ),
    "own": "lib_default lib_buffer lib_handler lib_input",
    "jinja2": "jinja2",
    "lxml": "lxml.etree lxml.html",
    "numpy": "numpy numpy.linalg numpy.random numpy.polynomial",
    "PIL": "PIL.Image PIL.ImageDraw",
    "mercurial": "mercurial.hgweb mercurial.ui",
    "django": "django.conf django.http django.template django.core.handlers.wsgi django.db.models",
}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_libraries_are_preloaded(site, name):
    """More are so by their keeping one process under cgihandler, see test_libraries."""
    if name not in ("standard", "own"):
        if site.door.persistent:
            pytest.skip("a master decides alike for all runners, and these take seconds")
        pytest.importorskip(name)
    importing = "".join(f"import {module}\n" for module in HARMLESS[name].split())
    site.file(f"import_{name}.py", HEAD + importing, 0o755)
    shown = f"{HARMLESS[name].split()!r}"
    site.file(f"loaded_{name}.py", HEAD + f"print([n for n in {shown} if n not in sys.modules])", 0o755)
    first = ask(site, f"import_{name}")
    assert first == (200, []), site.log()[-2000:]

    def missing() -> list[str]:
        if site.door.persistent:
            ask(site, f"import_{name}")  # after which a process without it is replaced
        time.sleep(0.5)  # the master has more to do than we
        return ask(site, f"loaded_{name}")[1]

    try:
        until(lambda: missing() == ["[]"], 100)
    except pytest.fail.Exception:
        raise AssertionError(f"{missing()} {site.log()[-2000:]}") from None


def test_a_library_that_seeds_numpy_at_its_import(site, packages):
    pytest.importorskip("numpy")
    (packages / "seeds_numpy.py").write_text("import numpy\nnumpy.random.seed(1)\n")
    site.file("seeded.py", HEAD + "import numpy, seeds_numpy\nprint(numpy.random.random())\n", 0o755)
    for _ in range(3):
        assert ask(site, "seeded") == (200, ["0.417022004702574"]), site.log()[-2000:]
    until(lambda: "seeds_numpy is not preloaded" in site.log(), 30)
    assert ask(site, "seeded") == (200, ["0.417022004702574"]), site.log()[-2000:]


def test_a_library_that_changes_one_that_it_needs(site, packages):
    """It is tasted after that, and so found out."""
    (packages / "needed.py").write_text("colour = 'red'\n")
    (packages / "changes_needed.py").write_text("import needed\nneeded.colour = 'blue'\n")
    site.file("changing.py", HEAD + "import changes_needed, needed\nprint(needed.colour)\n", 0o755)
    site.file("needing.py", HEAD + "import needed\nprint(needed.colour)\n", 0o755)

    def ask_both() -> bool:
        assert ask(site, "changing") == (200, ["blue"]), site.log()[-2000:]
        assert ask(site, "needing") == (200, ["red"]), site.log()[-2000:]
        return "changes_needed is not preloaded" in site.log()

    until(ask_both, 30)
    assert ask_both()
