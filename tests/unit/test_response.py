"""What a script may print, what becomes of it, and that the cuts between pieces of output never matter."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cgicompat.response import MAX_HEAD, MAX_LINE, BadResponse, Head, Parser

TYPE = b"Content-Type: text/plain\n"


def parse(*pieces: bytes, nph: bool = False) -> tuple[Head, bytes]:
    parser = Parser(nph)
    body = b"".join([parser.feed(piece) for piece in pieces])
    parser.close()
    assert parser.head is not None
    return parser.head, body


def headers(output: bytes) -> list[tuple[str, str]]:
    return parse(output)[0].headers


def refused(output: bytes) -> str:
    with pytest.raises(BadResponse) as caught:
        parse(output)
    return str(caught.value)


@pytest.mark.parametrize("first", [b"\n", b"\r\n"])
@pytest.mark.parametrize("second", [b"\n", b"\r\n"])
@pytest.mark.parametrize("blank", [b"\n", b"\r\n"])
def test_line_ends_of_any_kind(first: bytes, second: bytes, blank: bytes) -> None:
    head, body = parse(b"A: 1" + first + b"Content-Type: text/plain" + second + blank + b"\r\n\0body\n")
    assert head.headers == [("A", "1"), ("Content-Type", "text/plain")]
    assert (head.status, head.reason, head.explicit) == (200, "OK", False)
    assert body == b"\r\n\0body\n"


def test_headers_alone_are_an_empty_page() -> None:
    head, body = parse(TYPE + b"\n")
    assert (head.status, body) == (200, b"")


@pytest.mark.parametrize("block", [b"X: y\n", b"", b"Location:\n"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_headers_need_not_name_a_type(block: bytes, end: bytes) -> None:
    head, body = parse(block + end + TYPE + b"\n")
    assert (head.status, head.get("content-type"), body) == (200, None, TYPE + b"\n")


def test_interim_responses_of_an_nph_script() -> None:
    first = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\n\n"
    head, body = parse(first + b"HTTP/1.1 404 Gone\nX: y\n\n" + b"body", nph=True)
    assert (head.status, head.reason, head.headers, body) == (404, "Gone", [("X", "y")], b"body")
    assert head.raw == first + b"HTTP/1.1 404 Gone\nX: y\n\n"
    with pytest.raises(BadResponse):
        parse(first, nph=True)
    with pytest.raises(BadResponse):
        parse(first)
    assert parse(b"HTTP/1.1 101 Up\n\nbytes", nph=True)[1] == b"bytes"


def test_repeated_headers_stay_apart_but_of_single_ones_the_last_counts() -> None:
    output = (
        TYPE
        + b"Set-Cookie: a=1\nLast-Modified: 5\nset-cookie: b=2\ncontent-type: text/html\n"
        + b"last-modified: 6\n\n"
    )
    assert headers(output) == [
        ("Set-Cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-type", "text/html"),
        ("last-modified", "6"),
    ]


def test_folded_header_becomes_one_line() -> None:
    assert headers(b"X: a\n b\r\n\t c  \n" + TYPE + b"\n")[0] == ("X", "a b c")
    assert headers(b"X:\n b\n" + TYPE + b"\n")[0] == ("X", "b")
    assert parse(b"Status:\n 404\n\n")[0].status == 404


def test_bytes_above_ascii_pass_as_they_are() -> None:
    assert headers(b"X: caf\xc3\xa9 \xff\n" + TYPE + b"\n")[0][1].encode("latin-1") == b"caf\xc3\xa9 \xff"


def test_spaces_around_names_and_values() -> None:
    assert headers(b"X :\t a\tb \nY:\n" + TYPE + b"\n")[:2] == [("X", "a\tb"), ("Y", "")]


def test_get_finds_headers_in_any_case() -> None:
    head, _ = parse(b"ETAG: 1\n" + TYPE + b"\n")
    assert head.get("etag") == "1"
    assert head.get("none") is None


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"Hello, world\n",
        b"Hello, world",
        b"<html>\n",
        b"<a href='http://x'>\n\n",
        TYPE,
        TYPE.strip(),
        TYPE + b"<p>Hello\n\n",
        b" Content-Type: text/plain\n\n",
        b": no name\n\n",
        b"Two Words: x\n" + TYPE + b"\n",
        b"N\xc3\xa4me: x\n" + TYPE + b"\n",
        b"X: a\rb\n" + TYPE + b"\n",
        b"X: a\r\r\n" + TYPE + b"\n",
        b"X: a\0b\n" + TYPE + b"\n",
        b"X: a\x1b[31m\n" + TYPE + b"\n",
        b"X: a\x7f\n" + TYPE + b"\n",
        b"X\0: a\n" + TYPE + b"\n",
        b"Status:\n\n",
        b"Status: OK\n\n",
        b"Status: 99\n\n",
        b"Status: 100 Continue\n\n",
        b"Status: 600\n\n",
        b"Status: 2000\n\n",
        b"Status: 404Found\n\n",
        b"Status: -200\n\n",
        "Status: \N{SUPERSCRIPT TWO}00\n\n".encode("latin-1"),
        b"HTTP/1.0\n" + TYPE + b"\n",
        b"HTTP/1.0 abc\n" + TYPE + b"\n",
        TYPE + b"HTTP/1.0 404 Late\n\n",
    ],
)
def test_what_is_no_response(output: bytes) -> None:
    message = refused(output)
    assert message.isprintable()
    assert len(message) < 120


def test_messages_tell_what_was_wrong() -> None:
    assert refused(b"") == "no output"
    assert refused(TYPE) == "output ended within the headers"
    assert (
        refused(b"Traceback (most recent call last)\n")
        == "malformed header: 'Traceback (most recent call last)'"
    )


def test_limits() -> None:
    longest = b"X: " + b"y" * (MAX_LINE - 3)
    assert headers(longest + b"\n" + TYPE + b"\n")[0][1] == "y" * (MAX_LINE - 3)
    assert "more than 8192 bytes" in refused(longest + b"y\n" + TYPE + b"\n")
    assert "more than 8192 bytes" in refused(b"x" * 1_000_000)
    filling = (b"X: " + b"y" * 1020 + b"\n") * (MAX_HEAD // 1024 - 1)
    last = b"Z: " + b"z" * (1024 - 3 - 1 - 1 - len(TYPE)) + b"\n" + TYPE
    assert len(filling + last + b"\n") == MAX_HEAD
    assert parse(filling + last + b"\n")[0].status == 200
    assert "more than 65536 bytes" in refused(filling + b"z" + last + b"\n")


def test_memory_stays_bounded_while_a_head_does_not_end() -> None:
    parser = Parser()
    with pytest.raises(BadResponse):
        for _ in range(10_000):
            parser.feed(b"X: " + b"y" * 1000 + b"\n")
            assert len(parser._rest) <= MAX_LINE and len(parser._block) <= MAX_HEAD + MAX_LINE


@pytest.mark.parametrize(
    ("output", "status", "reason"),
    [
        (b"Status: 404\n\n", 404, "Not Found"),
        (b"Status: 404 Gone Fishing\n\n", 404, "Gone Fishing"),
        (b"status:404\tGone  Fishing \n\n", 404, "Gone  Fishing"),
        (b"STATUS: 200\n\n", 200, "OK"),
        (b"Status: 299\n\n", 299, "Unknown"),
        (b"Status: 500\nStatus: 404\n\n", 404, "Not Found"),
        (b"HTTP/1.0 400 Bad\n" + TYPE + b"\n", 400, "Bad"),
        (b"HTTP/1.1 200\n\n", 200, "OK"),
        (b"HTTP/1.0 400 Bad\nStatus: 402 Pay\n\n", 402, "Pay"),
        (b"Location: http://x/\n\n", 302, "Found"),
        (b"Location: x.py\n\n", 302, "Found"),
        (b"Location: //evil/x\n\n", 302, "Found"),
        (b"Status: 200 Fine\nLocation: http://x/\n\n", 302, "Found"),
        (b"Status: 301\nLocation: http://x/\n\n", 301, "Moved Permanently"),
        (b"Status: 303\nLocation: /x\n\n", 303, "See Other"),
        (b"Status: 201\nLocation: /x\n\n", 201, "Created"),
        (b"Location:\n" + TYPE + b"\n", 200, "OK"),
    ],
)
def test_status(output: bytes, status: int, reason: str) -> None:
    head, _ = parse(output)
    assert (head.status, head.reason) == (status, reason)
    assert head.local_redirect is None
    assert head.get("status") is None


def test_a_status_is_explicit_only_where_the_script_says_so() -> None:
    assert parse(b"Status: 200\n\n")[0].explicit
    assert parse(b"HTTP/1.0 200 OK\n\n")[0].explicit
    assert not parse(b"Location: http://x/\n\n")[0].explicit


def test_redirect_keeps_its_body() -> None:
    head, body = parse(b"Status: 301\n" + TYPE + b"Location: http://x/\n\nmoved")
    assert head.headers == [("Content-Type", "text/plain"), ("Location", "http://x/")]
    assert body == b"moved"


def test_local_redirect() -> None:
    head, _ = parse(TYPE + b"Set-Cookie: a=1\nLocation: /x.py/y?z=%20\n\n")
    assert head.local_redirect == "/x.py/y?z=%20"
    assert head.get("set-cookie") == "a=1"


def test_nph_sends_its_own_status() -> None:
    head, body = parse(b"HTTP/1.1 200 Fine\r\nLocation: /x\r\nServer: me\r\n\r\nbody", nph=True)
    assert (head.status, head.reason, head.local_redirect, body) == (200, "Fine", None, b"body")
    assert head.headers == [("Location", "/x"), ("Server", "me")]
    assert head.raw == b"HTTP/1.1 200 Fine\r\nLocation: /x\r\nServer: me\r\n\r\n"
    assert parse(b"HTTP/1.0 200 OK\nLocation: http://x/\n\n", nph=True)[0].status == 200


def test_nph_that_sends_a_cgi_response_after_all() -> None:
    head, _ = parse(b"Status: 404\nServer: me\n\n", nph=True)
    assert (head.status, head.headers, head.raw) == (404, [], b"")


def test_headers_of_the_connection_are_dropped() -> None:
    output = (
        b"Transfer-Encoding: chunked\nconnection: close\nKeep-Alive: 5\nProxy-Connection: x\nTE: x\n"
        b"Trailer: X\nUpgrade: h2c\nServer: mine\nDate: today\n"
    )
    assert headers(output + TYPE + b"\n") == [("Content-Type", "text/plain")]


@pytest.mark.parametrize("length", [b"abc", b"-1", b"+1", b"1 2", b"", b"1,1", b"1_0", b"\xb2", b"9" * 5000])
def test_a_length_that_is_no_number_is_dropped(length: bytes) -> None:
    assert headers(b"Content-Length: " + length + b"\n" + TYPE + b"\n") == [("Content-Type", "text/plain")]


def test_lengths_that_contradict_each_other_are_dropped() -> None:
    assert headers(b"Content-Length: 4\ncontent-length: 5\n" + TYPE + b"\n") == [
        ("Content-Type", "text/plain")
    ]
    assert headers(TYPE + b"content-length: 4\n" * 2 + b"\n")[1:] == [("content-length", "4")]


def test_cgitb_amid_the_headers() -> None:
    """What cgitb.reset() prints, after a script that had begun its own headers."""
    head, body = parse(
        b"Content-Type: image/png\nX: y\n<!--: spam\nContent-Type: text/html\n\n"
        b'<body bgcolor="#f0f0f8"><font color="#f0f0f8" size="-5"> -->\n'
    )
    assert head.headers == [("X", "y"), ("Content-Type", "text/html")]
    assert body.startswith(b"<body")
    assert parse(b"<!--: spam\n folded\nContent-Type: text/html\n\n")[0].headers == [
        ("Content-Type", "text/html")
    ]


def outcome(pieces: list[bytes]) -> object:
    try:
        head, body = parse(*pieces)
    except BadResponse as error:
        return str(error)
    return head.status, head.reason, head.explicit, head.headers, head.local_redirect, body


LINES = st.sampled_from(
    [b"Content-Type: text/html", b"Status: 404 Gone", b"Location: /x", b"HTTP/1.0 201 OK", b"X: y", b" fold",
     b"", b"<!--: spam", b"junk", b"X: \0", b"X: a\rb", b"L: " + b"l" * (MAX_LINE - 3),
     b"L: " + b"l" * (MAX_LINE - 2)]
)  # fmt: skip
OUTPUT = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n"])), max_size=14).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(OUTPUT | st.binary(max_size=200), st.lists(st.integers(0, 9000), max_size=12))
@example((b"L: " + b"l" * 8180 + b"\n") * 9 + TYPE + b"\n", [8192, 8193, 1])
def test_cuts_between_pieces_never_matter(output: bytes, sizes: list[int]) -> None:
    pieces, rest = [], output
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces.append(rest)
    assert outcome(pieces) == outcome([output])


@given(OUTPUT.filter(lambda output: len(output) < 500))
def test_byte_by_byte(output: bytes) -> None:
    assert outcome([output[i : i + 1] for i in range(len(output))]) == outcome([output])


@given(st.binary())
def test_whatever_comes_headers_are_safe_to_send(noise: bytes) -> None:
    parser = Parser()
    try:
        parser.feed(b"Content-Type: x\n" + noise + b"\n\n")
    except BadResponse:
        return
    assert parser.head is not None
    for name, value in parser.head.headers:
        assert name.isascii() and name.isprintable() and " " not in name and ":" not in name
        assert not set(value) & set("\r\n\0")
