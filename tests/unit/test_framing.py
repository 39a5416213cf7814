"""Chunked bodies: what is left of them, wherever the pieces are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgicompat.gateways.framing import MAX_LINE, MAX_TRAILERS, Chunks, Malformed, RequestLine

BODY = b'4 ; a = "b c"\r\nbody\r\n00a\t\r\n0123\r\n6789\r\n0;x\r\nCookie: a=1\r\nHost: b\r\n\r\n'
PLAIN = b"4\r\nbody\r\na\r\n0123\r\n6789\r\n0\r\n\r\n"


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_extensions_and_trailers_go(cuts: list[int]) -> None:
    data = BODY + b"GET /next"
    ends = sorted(cuts)
    chunks = Chunks()
    left = rest = b""
    for start, end in zip([0, *ends], [*ends, len(data)], strict=True):
        piece, rest = chunks.feed(data[start:end])
        left += piece
    assert (left, rest, chunks.ended) == (PLAIN, b"GET /next", True)


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n",
        b"x\r\n",
        b"0x4\r\n",
        b"-4\r\n",
        b" 4\r\n",
        b"4\n",
        b"4;\0\r\n",
        b"4 4\r\n",
        b"1" * 16 + b"\r\n",
        b"4;" + b"x" * MAX_LINE,
        b"0\r\nX: y\n",
        b"0\r\n" + b"X: y\r\n" * (MAX_TRAILERS // 6 + 1),
    ],
)
def test_what_is_no_chunk(body: bytes) -> None:
    with pytest.raises(Malformed):
        Chunks().feed(body)


@pytest.mark.parametrize("line", [b"GET /\r\n", b"FOO /x HTTP/1.1\r\n", b"OPTIONS * HTTP/1.0\r\n"])
def test_request_line(line: bytes) -> None:
    found = RequestLine(line)
    assert line.split()[:2] == [found.method.encode(), found.target]
    assert found.stand_in.startswith(b"GET / HTTP/1.")
