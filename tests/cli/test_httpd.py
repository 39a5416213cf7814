"""Limits on clients, with times made short; sockets to listen on."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from cgicompat.cli import httpd
from cgicompat.cli.options import Failure
from cgicompat.gateways.exchange import Aborted
from cgicompat.gateways.framing import FramedProtocol

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Waits for the whole body; sleeps for as many seconds as the query says; answers with the body, and
    the path as its reason phrase, or with a head of its own at /raw."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    await asyncio.sleep(float(scope["query_string"] or 0))
    headers = [(b"content-length", str(len(body)).encode())]
    assert "cgicompat.verbatim" in scope["extensions"]
    reason = scope["path"].lstrip("/").encode()
    raw = b"HTTP/1.0 200 Mine\nX: y\n\n" if reason == b"raw" else b""
    await send(
        {"type": "http.response.start", "status": 200, "headers": headers, "reason": reason, "raw": raw}
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Talk], None]:
    """Runs a conversation of a client with a server that has little patience."""
    monkeypatch.setattr(httpd, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(httpd, "BODY_SECONDS", 0.2)

    async def main(client: Talk) -> None:
        config = uvicorn.Config(echo, http=httpd.Protocol, ws="none", lifespan="off", log_config=None)
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: httpd.Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await asyncio.wait_for(client(reader, writer), 10)
        writer.close()
        server.close()

    return lambda client: asyncio.run(main(client))


async def response(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Status line and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    return head.partition(b"\r\n")[0], await reader.readexactly(length)


def test_a_head_that_never_comes(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""

    talk(client)


def test_a_head_that_dribbles(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = asyncio.get_running_loop().time()
        writer.write(b"GET / HTTP/1.1\r\n")
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            writer.write(b"X: y\r\n")
            await asyncio.wait([answer], timeout=0.05)
            assert asyncio.get_running_loop().time() - began < 2
        # A reset, since it has not read the last lines.
        assert isinstance(answer.exception(), ConnectionResetError) or answer.result() == b""

    talk(client)


def test_a_body_that_stops(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        assert await reader.read() == b""

    talk(client)


def test_a_body_that_is_slow_but_comes(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.1)
            writer.write(b"x")
        assert await response(reader) == (b"HTTP/1.1 200 OK", b"x" * 10)

    talk(client)


def test_time_that_we_take_is_not_the_clients(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = b"POST /?1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"
        writer.write(first + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n")
        assert await response(reader) == (b"HTTP/1.1 200 OK", b"a")
        writer.write(b"\r\nb")
        assert await response(reader) == (b"HTTP/1.1 200 OK", b"b")

    talk(client)


def test_a_reason_phrase_is_kept(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for path, line in ((b"/Gone%20Fishing", b"HTTP/1.1 200 Gone Fishing"), (b"/", b"HTTP/1.1 200 OK")):
            writer.write(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na")
            assert await response(reader) == (line, b"a")

    talk(client)


def test_a_raw_response_is_untouched(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert await reader.read() == b"HTTP/1.0 200 Mine\nX: y\n\nabc"

    talk(client)


def test_an_idle_connection_outlives_a_request(talk: Callable[[Talk], None]) -> None:
    """Between requests it is for uvicorn's timeout_keep_alive to say when."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na")
            assert await response(reader) == (b"HTTP/1.1 200 OK", b"a")
            await asyncio.sleep(0.5)

    talk(client)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 400_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"FOO /" + b"y" * 400_000,
    ],
)
@pytest.mark.parametrize("protocol", [httpd.Protocol, FramedProtocol])
def test_a_head_too_large(
    talk: Callable[[Talk], None], monkeypatch: pytest.MonkeyPatch, head: bytes, protocol: type
) -> None:
    monkeypatch.setattr(httpd, "Protocol", protocol)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")

    talk(client)


def test_a_length_of_too_many_digits_hides_no_request(talk: Callable[[Talk], None]) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"FOO /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
        writer.write(b"GET /one HTTP/1.1\r\nHost: a\r\nContent-Length: %025d\r\n\r\n" % len(body))
        writer.write(body)
        writer.write(b"GET /two HTTP/1.1\r\nHost: a\r\n\r\n")
        answers = await reader.read()
        assert answers.startswith(b"HTTP/1.1 400 ")
        assert answers.count(b"HTTP/1.1 ") == 1

    talk(client)


def test_a_cut_off_request_is_no_error() -> None:
    def record(error: BaseException | None) -> logging.LogRecord:
        info = (type(error), error, None) if error else None
        return logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "", (), info)  # type: ignore[arg-type]

    assert not httpd.quiet(record(asyncio.CancelledError()))
    assert not httpd.quiet(record(Aborted()))
    assert httpd.quiet(record(ValueError()))
    assert httpd.quiet(record(None))


def test_one_port_for_all_addresses_of_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [(socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET, ("127.0.0.2", 0))]
    found = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    listeners = httpd.listen("both", 0)
    assert [listener.getsockname()[0] for listener in listeners] == ["127.0.0.1", "127.0.0.2"]
    assert len({listener.getsockname()[1] for listener in listeners}) == 1
    for listener in listeners:
        listener.close()


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(Failure, match="no permission to listen on port 80: choose one above 1023 by --port"):
        httpd.listen("127.0.0.1", 80)
