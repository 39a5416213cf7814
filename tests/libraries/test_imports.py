"""What libraries do at their import: scripts that import them see what plain CGI shows, others nothing.

The libraries are small ones of the test's own. Each is asked through a script, again and again and in turn
with a bystander that does not import it; each answer is compared with that of the `cgi` runner.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.doors import Scgi, Site
from tests.harness.processes import REPOSITORY

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

HEAD = "import os, sys\nprint('Content-Type: text/plain\\nX-Pid:', os.getpid(), end='\\n\\n', flush=True)\n"

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

BYSTANDER = """
import os, sys
print("bystander")
"""


def libraries() -> Iterator[tuple[str, str]]:
    yield from STREAMS.items()


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
        site.file(f"{name}.py", HEAD + f"import lib_{name}\nprint('script')\nlib_{name}.tell()\n", 0o755)
    for name, source in CARELESSNESS.items():
        site.file(f"careless_{name}.py", HEAD + CARELESS.format(source), 0o755)
    site.file("bystander.py", HEAD + BYSTANDER, 0o755)
    return site


Answer = Callable[[str], tuple[int, list[str]]]


def ask(site: Site, name: str) -> tuple[int, list[str]]:
    page = site.post(f"{site.path}/{name}.py", b"some body")
    return page.status, page.lines


@pytest.fixture(scope="module")
def expected(home: Path, packages: Path) -> Iterator[Answer]:
    """What a script prints in a process of its own."""
    configuration = CONFIGURATION.format(libraries=packages, repository=REPOSITORY)
    door = Scgi("cgi", home / "imports-cgi", configuration)
    yield functools.cache(functools.partial(ask, put_scripts(door)))
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
    for script in (name, name, f"careless_{careless}", name, name):
        assert ask(site, script) == expected(script), site.log()[-2000:]
