"""Scripts that differ on purpose, and one comparison of all of them for all tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cgicompat import config, environ
from cgicompat.compare.case import Case, Options
from cgicompat.compare.engine import compare
from cgicompat.compare.report import Report

PLANTED = Path(__file__).with_name("planted")

Compare = Callable[..., Report]


def case(directory: Path, path: str, method: str = "GET", body: bytes = b"") -> Case:
    """A plain request for a script by its path in the URL."""
    script = str(directory) + path
    variables = environ.build(
        method=method,
        protocol="HTTP/1.1",
        scheme="http",
        uri=path,
        query="",
        headers=[("host", "localhost")],
        filename=script,
        script_name=path,
        path_info="",
        document_root=str(directory),
        server=("127.0.0.1", 80),
        client=("127.0.0.1", 0),
        length=len(body),
    )
    return Case(f"{method} {path}", script, variables, body)


def run(directory: Path, *paths: str, flags: dict[str, object] | None = None, **options: object) -> Report:
    """Compare scripts of a directory; all in its cgi-bin unless named."""
    directory = directory.resolve()
    if not paths:
        folder = directory / "cgi-bin"
        paths = tuple(f"/cgi-bin/{file.name}" for file in sorted(folder.glob("*.py")))
    settings = config.load(str(directory), flags or {}, {})
    return compare(settings, [case(directory, path) for path in paths], Options(**options))


def planted(directory: Path, *names: str) -> Path:
    """A site with the planted scripts, or some of them."""
    folder = directory / "cgi-bin"
    folder.mkdir()
    for file in PLANTED.iterdir():
        if file.is_file() and (not names or file.stem in (*names, "count")):
            shutil.copy(file, folder)
    return directory


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "report" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("compare"))  # one process makes it


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def report(site: Path) -> Report:
    """All planted scripts, compared once; by guards, which some of them get past."""
    return run(site, flags={"put_back": "guards"})
