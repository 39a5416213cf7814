"""Whatever is sent, `cgi` ends with a form or a ValueError, in time that grows no faster than the input."""

from __future__ import annotations

import io
import time

import multipart  # noqa: F401 (once it is imported, ours uses it for forms of any size)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stdlib import support

cgi = support.load("cgi")
thorough = settings(max_examples=support.EXAMPLES, deadline=None)

TOKENS = st.sampled_from(
    [b"--B", b"--B--", b"\r\n", b"\n", b"\r", b"--C", b"Content-Disposition: form-data; ", b"name=a", b"; "]
    + [
        b'filename="x"',
        b"Content-Type: ",
        b"multipart/mixed; boundary=C",
        b"text/plain",
        b": ",
        b" ",
        b'"',
        b"\\",
    ]
    + [b"application/x-www-form-urlencoded", b"a=1&b=%", b"\xff", b"\x00", b"\xc3\xa4", b"Content-Length: 1"]
)
BODIES = st.one_of(st.lists(TOKENS, max_size=40).map(b"".join), st.binary(max_size=200))
TYPES = st.one_of(
    st.sampled_from(
        ["multipart/form-data; boundary=B"] * 5 + ["multipart/mixed", 'multipart/x; boundary="a\nb"']
    ),
    st.text(max_size=30),
    st.none(),
)


@given(
    BODIES,
    TYPES,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "post", ""]),
    st.one_of(st.none(), st.integers(-9, 999).map(str), st.text(max_size=5)),
    st.sampled_from([{}, {"errors": "strict"}, {"encoding": "ascii", "errors": "surrogateescape"}]),
    st.sampled_from(
        [{}, {"max_memory": 50}, {"max_header": 30}, {"max_num_fields": 1}, {"max_depth": 1, "spool": 5}]
    ),
)
@thorough
def test_a_form_or_a_value_error(body, type, method, length, options, limits):
    environ = {
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": type,
        "CONTENT_LENGTH": length,
        "QUERY_STRING": "a=%C3",
    }
    environ = {name: value for name, value in environ.items() if value is not None}
    try:
        form = cgi.FieldStorage(io.BytesIO(body), environ=environ, **options, **limits)
    except ValueError:
        return
    repr(form)
    if form.list is not None:
        for name in form:
            form.getvalue(name), form.getfirst(name), form.getlist(name)


DISPOSITION = b'Content-Disposition: form-data; name="a"; filename=x'
UPLOAD = b"--B\r\n" + DISPOSITION + b"\r\n\r\n"
NESTED = b"--B\r\nContent-Type: multipart/x; boundary=C\r\n\r\n--C\r\n\r\n1\r\n--C--"


@pytest.mark.parametrize(
    "begin, fill",
    [
        (UPLOAD, b"\n"),
        (UPLOAD, b"\r"),
        (UPLOAD, b"\r\n"),
        (UPLOAD, b"\r\n--Bx"),
        (UPLOAD, b"\r\n--B"),
        (UPLOAD, b"\n--B \r"),
        (UPLOAD, b"\r\n-"),
        (UPLOAD + b"\r\n--B", b" "),
        (b"", b"\n--x"),
        (b"", b"--B"),
        (b"", b" --B"),
        (b"--B\r\nX: y\r\n", b" z\r\n"),
        (b"--B\r\nX: ", b";"),
        (b'--B\r\nContent-Disposition: x; a="', b";"),
        (b"--B\r\nContent-Disposition: x", b";a=b"),
        (b"--B\r\nX: ", b"\r"),
        (b"", b"--B\r\n" + DISPOSITION + b"\r\n\r\n1\r\n"),
        (NESTED, b"\n"),
    ],
    ids=repr,
)
def test_time_grows_no_faster_than_the_input(begin, fill):
    def seconds(size: int) -> float:
        body = (begin + fill * (size // len(fill)))[:size]
        environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(size)}
        environ["CONTENT_TYPE"] = "multipart/form-data; boundary=B"
        start = time.process_time()
        try:
            cgi.FieldStorage(io.BytesIO(body), environ=environ, max_header=1 << 22, max_num_fields=1 << 20)
        except ValueError:
            pass
        return time.process_time() - start

    assert seconds(1 << 20) < 10 * 8 * max(seconds(1 << 17), 0.001)
