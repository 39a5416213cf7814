from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cgicompat import config
from tests.gateways.apps import App, Asgi, Wsgi
from tests.gateways.responder import Responder

TOML = """
[script."/cgi-bin/short.py"]
timeout = 0.3

[script."/cgi-bin/small.py"]
max-body = 10

[script."/cgi-bin/login.py"]
pass-authorization = true
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """A site. Its path is short, as that of a unix socket in it has to be."""
    with tempfile.TemporaryDirectory(prefix="gate-") as name:
        root = Path(name).resolve() / "www"
        (root / "cgi-bin").mkdir(parents=True)
        for script in ("x.py", "y.py", "short.py", "small.py", "login.py", "nph-x.py"):
            (root / "cgi-bin" / script).write_text("")
        (root / "cgicompat.toml").write_text(TOML)
        (root / "page.txt").write_text("0123456789")
        (root / "files" / "<b>").mkdir(parents=True)
        (root / "files" / "a b&c.html").write_text("<p>")
        (root / "files" / ".secret").write_text("")
        yield root


@pytest.fixture
def pool(root: Path) -> Iterator[Responder]:
    pool = Responder(f"{root.parent}/pool")
    yield pool
    pool.close()


@pytest.fixture
def settings(root: Path, pool: Responder) -> config.Settings:
    return config.load(str(root), {"socket": pool.address}, {})


@pytest.fixture(params=[Asgi, Wsgi], ids=["asgi", "wsgi"])
def app(request: pytest.FixtureRequest, settings: config.Settings) -> App:
    return request.param(settings)
