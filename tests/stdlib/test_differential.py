"""Our `cgi` against that of Python 3.12: the same generated requests give the same forms, value by value.

Requests are put together from the pieces that real and broken clients send, then mutated. Python 3.12 answers
in a process of its own (describe.py). Ours answers in this one with blocks of various sizes, so that
everything also happens at a block's edge, and with and without the strict parser. What may differ is listed
in docs/cgi.md; only one thing of it can occur here: 3.12 reads on behind Content-Length to the end of the
line, and we do not, so both get a body that ends there. CGICOMPAT_TEST_EXAMPLES sets the number of requests.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import multipart  # noqa: F401 (once it is imported, ours uses it for forms of any size)
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stdlib import describe, support

cgi = support.load("cgi")
thorough = settings(
    max_examples=support.EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False
)

TYPE = "multipart/form-data; boundary=AaB"
NAMES = st.sampled_from([b"a", b"b", b"file name", b"\xc3\xa4", b"\xff", b'q\\"x', b"%22", b"", b"x;y"])
FILENAMES = st.sampled_from(
    [b""] * 3 + [b'; filename="C:\\dir\\x.txt"', b'; filename=""', b"; filename=x;y", b"; FileName = a"]
)
HEADERS = st.sampled_from(
    [
        b"Content-Type: text/plain",
        b'content-type: image/gif; x="y;z"',
        b"Content-Type: multipart/mixed; boundary=xx",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Type:text/html",
        b"Content-Length: 3",
        b"Content-Length: x",
        b"Content-Disposition: file",
        b"Content-Transfer-Encoding: binary",
        b"X: y\r\n folded",
        b"X: \xe9",
        b"no colon",
        b"From x",
        b": y",
        b" lead",
        b"--AaB",
        b"A B: c",
    ]
)
NESTED = b'--xx\r\nContent-Disposition: file; filename="p"\r\n\r\nPP\r\n--xx'
CONTENT = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            b"",
            b"1",
            b"abc\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b"a=1&b=%C3%A4",
            b"\xe2\x82",
            b"\x00\xff\r\r\n",
            b"\r\n\r\n",
        ]
    ),
    st.sampled_from(
        [b"--AaB", b"--AaB--x", b"text\r\n--AaBx\r\nend", b"\r\n--", b"--AaB \t", b"--Aa\r\n--A"]
    ),
    st.sampled_from([b"x" * 1001, b"\xc3\xa4 \n" * 400, b"\n" * 300, b"x\r" * 30]),
    st.sampled_from([NESTED + b"--\r\n", NESTED + b"\r\n", NESTED + b"--", NESTED + b"--\r\n--xx--"]),
)
INSERTS = st.sampled_from(
    [
        b"\n",
        b"\r",
        b" ",
        b"-",
        b"\t",
        b'"',
        b";",
        b":",
        b"--AaB",
        b"\r\n",
        b"\r\n--AaB\r\n",
        b"\n--AaB",
        b"\xff",
    ]
)


@st.composite
def parts(draw: st.DrawFn) -> bytes:
    headers = draw(st.lists(HEADERS, max_size=2))
    if draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(headers)))
        disposition = b'Content-Disposition: form-data; name="' + draw(NAMES) + b'"' + draw(FILENAMES)
        headers.insert(place, disposition)
    return b"".join(header + b"\r\n" for header in headers) + b"\r\n" + draw(CONTENT) + b"\r\n"


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    body = b"".join(b"--AaB\r\n" + part for part in draw(st.lists(parts(), max_size=5))) + b"--AaB--\r\n"
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4]))):
        at = draw(st.integers(0, len(body)))
        body = draw(
            st.sampled_from(
                [
                    body[:at] + body[at + 1 :],
                    body[:at],
                    body[:at] + body[draw(st.integers(0, len(body))) :],
                    body[:at] + draw(INSERTS) + body[at:],
                    body.replace(b"\r\n", b"\n"),
                    body[:at] + body[at:].replace(b"\r\n", b"\n", 1),
                    body[:at] + body[at:].replace(b"--AaB", b"--AaB  ", 1),
                ]
            )
        )
    return body


@st.composite
def requests(draw: st.DrawFn) -> describe.Request:
    body = draw(bodies())
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": draw(st.sampled_from([TYPE, TYPE + "; x=y"]))}
    length = draw(st.sampled_from(["right", "right", "right", "none", "large", "small", "-5", "x"]))
    if length == "small":
        body = body[: draw(st.integers(0, len(body)))]
    if length != "none":
        number = len(body) + 7 * (length == "large")
        environ["CONTENT_LENGTH"] = length if length in ("-5", "x") else str(number)
    if draw(st.booleans()):
        environ["QUERY_STRING"] = draw(st.sampled_from(["a=9&c=", "", "q=%FF+1&a"]))
    options = draw(
        st.sampled_from([{}, {}, {"keep_blank_values": 1}, {"encoding": "latin-1"}, {"max_num_fields": 2}])
    )
    return {"environ": environ, "body": body.decode("latin-1"), "options": options, "call": "FieldStorage"}


@pytest.fixture(scope="module")
def reference() -> Iterator[Callable[[describe.Request], object]]:
    python = support.interpreter("3.12")
    if python is None:
        pytest.skip("no python3.12 on PATH or under pyenv to compare with")
    process = subprocess.Popen(
        [python, "-I", "-W", "ignore", describe.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout

    def ask(request: describe.Request) -> object:
        print(json.dumps(request), file=process.stdin, flush=True)
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    process.stdout.close()
    process.wait()


def ours(request: describe.Request) -> object:
    return json.loads(json.dumps(describe.describe(cgi, request)))


@pytest.mark.parametrize("strict", [True, False], ids=["strict parser", "own rules"])
@given(request_=requests(), block=st.sampled_from([1 << 16, 1 << 16, 200, 33, 7, 1]))
@thorough
def test_multipart_forms(reference, strict, request_, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cgi, "_BLOCK", block)
        if not strict:
            patch.setattr(cgi, "_push_parser", lambda *arguments: None)
        assert ours(request_) == reference(request_)


def _part(
    content: bytes, headers: bytes = b'Content-Disposition: form-data; name="a"; filename="f"'
) -> bytes:
    return b"--AaB\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"


@pytest.mark.parametrize("strict", [True, False], ids=["strict parser", "own rules"])
@pytest.mark.parametrize(
    "body",
    [
        _part(b"") + b"--AaB--",
        _part(b"1") + _part(b"--") + _part(b"--Aa\r\n-") + b"--AaB--\r\n",
        _part(b"1") + b"--AaB--x\r\n" + _part(b"2") + b"--AaB--\r\n",
        _part(b"1") + b"--AaB--x",
        _part(b"1") + b"--AaB-- \t\r\nepilogue\r\n--AaB\r\n\r\nx",
        _part(b"1\n--AaBx\n--AaB \r2\n\n\r\n\r\r\n") + b"--AaB  \n\n3\n--AaB--",
        _part(b"1\n--AaB") + b"--AaB--\r\n",
        _part(b"\r\n\r\n\n\n--A\r--AaB\r\n") + b"\r\n--AaB--\r\n",
        _part(b"1", b"X: y\n \nContent-Disposition: form-data") + b"--AaB--\r\n",
        _part(b"1", b"X: y\n\nContent-Disposition: form-data") + b"--AaB--\r\n",
        _part(b"1", b"Content-Disposition: form-data; name=a\n\nX: y") + b"--AaB--\r\n",
        _part(b"1", b"Content-Disposition: form-data; name=a\n \nX: y") + b"--AaB--\r\n",
        _part(b"1\n")[:-2],
        _part(b"1\r")[:-2],
        _part(b"1"),
        _part(b"1", b"X: y\n--AaB\n\t") + b"--AaB--\r\n",
        _part(b"1")[:-3] + _part(b"2"),
        _part(b"1").rstrip() + b"\n" + _part(b"2") + b"--AaB--\n",
        _part(NESTED + b"--", b"Content-Type: multipart/mixed; boundary=xx") + _part(b"2") + b"--AaB--",
        _part(NESTED, b"Content-Type: multipart/mixed; boundary=xx") + _part(b"2") + b"--AaB--\r\n",
        _part(b"a=1&b=2", b"Content-Type: application/x-www-form-urlencoded") + _part(b"2") + b"--AaB--\r\n",
        b"--AaB--\r\n" + _part(b"1") + b"--AaB--\r\n",
        b"preamble --AaB\r\n\r--AaB\r\n  " + _part(b"1") + b"--AaB--\r\n",
        b"--AaB\r\n" * 3 + b"\r\n--AaB\r\n\r\n" + b"--AaB--\r\n",
    ],
)
def test_edges_at_every_block_size(reference, monkeypatch, strict, body):
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": TYPE, "CONTENT_LENGTH": str(len(body))}
    call = {"environ": environ, "body": body.decode("latin-1"), "options": {}, "call": "FieldStorage"}
    expected = reference(call)
    if not strict:
        monkeypatch.setattr(cgi, "_push_parser", lambda *arguments: None)
    for block in range(1, len(body) + 2):
        monkeypatch.setattr(cgi, "_BLOCK", block)
        assert ours(call) == expected, block


def _long_lines() -> Iterator[bytes]:
    for content in (b"x" * 65535, b"x" * 65535 + b"\r", b"x" * 65535 + b"\r" + b"y" * 65535, b"\r" * 200_000):
        for pad in (b"", b" " * 65531, b" " * 70000):
            yield _part(content) + _part(b"2").replace(b"AaB", b"AaB" + pad) + b"--AaB" + pad + b"--AaB--\r\n"
    yield b"x" * 65536 + b"--AaB\r\n" + _part(b"1") + b"--AaB--\r\n"
    nested = _part(NESTED + b"--", b"Content-Type: multipart/mixed; boundary=xx")
    yield nested + b"x" * 65536 + b"--AaB--"
    yield nested + b"--AaB--"


def test_long_lines(reference):
    """cgi looks at 65,536 bytes of a line at most: a boundary may be padded to that, and no further."""
    for body in _long_lines():
        environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": TYPE, "CONTENT_LENGTH": str(len(body))}
        call = {"environ": environ, "body": body.decode("latin-1"), "options": {}, "call": "FieldStorage"}
        assert ours(call) == reference(call)


QUERY = st.text(st.sampled_from("ab=&&=;+%4Cé\xff 20"), max_size=40)


@given(QUERY, st.sampled_from(["GET", "POST", "PUT"]), st.data())
@thorough
def test_urlencoded_forms(reference, query, method, data):
    environ = {"REQUEST_METHOD": method, "QUERY_STRING": data.draw(QUERY) if method == "POST" else query}
    environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded" + data.draw(st.sampled_from(["", "; a=b"]))
    body = query.encode()
    if data.draw(st.booleans()):
        environ["CONTENT_LENGTH"] = str(len(body) + data.draw(st.sampled_from([0, 0, 5, -2])))
    options = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "keep_blank_values": st.booleans(),
                "strict_parsing": st.booleans(),
                "separator": st.sampled_from(["&", ";", "", "&&"]),
                "encoding": st.sampled_from(["latin-1", "ascii"]),
                "max_num_fields": st.integers(0, 4),
            },
        )
    )
    call = {"environ": environ, "body": body.decode("latin-1"), "options": options, "call": "FieldStorage"}
    assert ours(call) == reference(call)
    options = {name: options[name] for name in options if name not in ("encoding", "max_num_fields")}
    if "CONTENT_LENGTH" in environ and method != "PUT":
        environ = {**environ, "CONTENT_TYPE": "application/x-www-form-urlencoded"}
        call = {"environ": environ, "body": body.decode("latin-1"), "options": options, "call": "parse"}
        assert ours(call) == reference(call)


@given(st.text(st.sampled_from('ab;;="\\ \t,%é'), max_size=40))
@thorough
def test_headers(reference, line):
    call = {"environ": {}, "body": line, "options": {}, "call": "parse_header"}
    assert ours(call) == reference(call)


@given(
    st.sampled_from(["PUT", "POST", "PATCH"]), st.binary(max_size=3000), st.sampled_from([None, "a/b; c=d"])
)
@thorough
def test_other_bodies(reference, method, body, type):
    """Without a Content-Length; with one, 3.12 ends in a TypeError."""
    environ = {"REQUEST_METHOD": method, "CONTENT_TYPE": type or "text/plain"}
    call = {"environ": environ, "body": body.decode("latin-1"), "options": {}, "call": "FieldStorage"}
    assert ours(call) == reference(call)
    sized = {**call, "environ": {**environ, "CONTENT_LENGTH": str(len(body))}}
    assert reference(sized)["error"] == "TypeError" if body else True
    assert ours(sized)["value"] == {"bytes": body.decode("latin-1")}
