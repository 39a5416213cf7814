"""What all tests share."""

from __future__ import annotations

import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.doors import Door, Site


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--doors",
        default="serve,asgi,wsgi,scgi,cgi,client",
        help="doors at which the contract is tested; `client` is `cgi` with the client in C, `apache` plain "
        "mod_cgi, to compare with",
    )
    parser.addoption(
        "--all-runners",
        action="store_true",
        help="ask each case of the contract at each door by each runner, where otherwise they take turns; "
        "`--table` does so too",
    )
    parser.addoption(
        "--table", metavar="FILE", help="write what the contract's cases found, as docs/contract.md"
    )


def pytest_configure() -> None:
    # Started in the background by a shell, or by nohup, we would have servers and scripts ignore these.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A directory with a short path: that of a unix socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="contract-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture
def site(door: Door, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A directory of scripts for the case, behind the door that its own fixture starts."""
    name = re.sub(r"^test_|\[.*", "", request.node.name)
    taken = len(list((door.root / "cgi-bin").glob(f"{name}.*")))
    site = Site(door, f"{name}.{taken}")
    yield site
    site.close()
