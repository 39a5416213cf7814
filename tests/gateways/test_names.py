"""Names of clients: found forth and back, kept for a while, and waited for by those alone who need them."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from cgicompat import config
from cgicompat.apache.access import requirement, sources
from cgicompat.apache.names import Question, is_within
from cgicompat.gateways import asgi, names
from cgicompat.gateways.asgi import CGI
from cgicompat.gateways.names import Names, Unknown

HOSTS = {
    "192.0.2.1": ("Www.Example.org", ["192.0.2.9", "192.0.2.1"]),
    "192.0.2.2": ("liar.example.org", ["192.0.2.1"]),
    "192.0.2.3": ("two words", ["192.0.2.3"]),
    "2001:db8::1": ("six.example.org", ["2001:db8:0:0:0:0:0:1"]),
}


class Resolver:
    """In place of the system's. Nobody is answered while it is `busy`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.free = threading.Event()
        self.free.set()

    def name(self, address: tuple[str, int], flags: int) -> tuple[str, str]:
        self.asked.append(address[0])
        self.free.wait(30)
        if address[0] not in HOSTS:
            raise socket.gaierror(socket.EAI_NONAME, "no name")
        return HOSTS[address[0]][0], "0"

    def addresses(self, name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        found = [every for known, every in HOSTS.values() if known.lower() == name]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return [(0, 0, 0, "", (address, 0)) for address in found[0]]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getnameinfo", resolver.name)
    monkeypatch.setattr(socket, "getaddrinfo", resolver.addresses)
    return resolver


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", ("www.example.org",)),
        ("192.0.2.2", ()),
        ("192.0.2.3", ()),
        ("192.0.2.4", ()),
        ("2001:db8::1", ("six.example.org",)),
        ("", ()),
    ],
)
def test_a_name_leads_back(resolver: Resolver, address: str, name: tuple[str, ...]) -> None:
    question = Question(address=address)
    assert question.ask() == Names().waited_for(question) == name


def test_addresses(resolver: Resolver) -> None:
    assert Question(name="www.example.org").ask() == ("192.0.2.9", "192.0.2.1")
    assert Question(name="nowhere.example.org").ask() == ()


def test_whole_labels() -> None:
    inside = ["example.org", "a.example.org", "a.b.example.org"]
    assert [name for name in [*inside, "badexample.org", "org"] if is_within(name, "example.org")] == inside
    assert [name for name in inside if is_within(name, ".example.org")] == inside[1:]


@pytest.mark.parametrize("word", ["10.1", "::1", "a/8", "%{SERVER_NAME}", "a#b", "a..b", "bücher.de", ""])
def test_what_is_no_name(word: str) -> None:
    with pytest.raises(ValueError, match="no name of a host"):
        requirement(["host", word], None)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["10.1.300", "a/8", "fe80::x", "a#b"])
def test_who_is_nobody(word: str) -> None:
    with pytest.raises(ValueError, match="is no "):
        sources(word)


def test_what_takes_too_long_is_a_no(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PATIENCE", 0.05)
    asked, question = Names(), Question(address="192.0.2.1")
    resolver.free.clear()
    assert asked.waited_for(question) == ()
    late = asked.ask(question)
    resolver.free.set()
    assert late.result(30) == asked.known(question) == ("www.example.org",)
    assert resolver.asked == ["192.0.2.1"]


def test_no_more_than_so_many_are_asked_and_kept(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_MOST_ASKED", 1)
    monkeypatch.setattr(names, "_MOST_KEPT", 1)
    asked, first, second = Names(), Question(address="192.0.2.1"), Question(address="2001:db8::1")
    resolver.free.clear()
    early = asked.ask(first)
    assert asked.waited_for(second) == ()
    resolver.free.set()
    assert early.result(30) == asked.known(first)
    with pytest.raises(Unknown):
        asked.known(second)
    assert asked.waited_for(second) == ("six.example.org",)


def test_others_do_not_wait(resolver: Resolver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "PATIENCE", 50)
    files = {"open": "", "closed": "Require host example.org\n", "shut": "Require host a.b\n"}
    for name, htaccess in files.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.txt").write_text(name)
        (tmp_path / name / ".htaccess").write_text(htaccess)
    app = CGI(config.load(str(tmp_path)))

    async def get(path: str) -> int:
        scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "headers": []}
        said: list[int] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            said.extend([message["status"]] if "status" in message else [])  # type: ignore[list-item]

        await app({**scope, "client": ("192.0.2.1", 5)}, receive, send)  # type: ignore[arg-type]
        return said[0]

    async def all_of_them() -> None:
        resolver.free.clear()
        waiting = [asyncio.create_task(get(path)) for path in ("/closed/page.txt", "/shut/page.txt")]
        while not resolver.asked:
            await asyncio.sleep(0.01)
        assert await get("/open/page.txt") == 200
        assert not any(task.done() for task in waiting)
        resolver.free.set()
        assert await asyncio.gather(*waiting) == [200, 403]

    asyncio.run(all_of_them())
    assert resolver.asked == ["192.0.2.1"]
