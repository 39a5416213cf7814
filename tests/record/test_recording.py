"""The file of a recording: nothing is lost in it, but for what is masked."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgicompat.recordings.recording import Blob, Recording, RecordingError, digest, load_all, mask_head, prune

# Text as variables have it: no NUL, and bytes that are not UTF-8 as lone surrogates.
VALUES = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
# Bytes, half of them text with all kinds of line ends.
BODIES = st.binary(max_size=60) | st.text("a\n\r\x0b\x85\u2028é", max_size=30).map(str.encode)


def recording(**values: object) -> Recording:
    usual = {
        "script": "/www/cgi-bin/x.py",
        "environ": {},
        "sent": Blob(b""),
        "output": Blob(b"Content-Type: text/plain\n\n"),
        "errors": Blob(b""),
        "runner": "fork",
        "status": 0,
        "time": 1.5e9,
        "seconds": 0.25,
    }
    return Recording(**{**usual, **values})


@given(st.dictionaries(VALUES, VALUES, max_size=4), BODIES, BODIES, st.none() | st.integers(0, 255))
def test_nothing_is_lost(environ, sent, output, status):
    made = recording(environ=environ, sent=Blob(sent), output=Blob(output), status=status)
    data = made.dumps()
    read = Recording.loads(data)
    assert (read.environ, read.body, read.output.data) == (environ, sent, output)
    assert (read.status, read.time, read.seconds, read.script) == (status, 1.5e9, 0.25, "/www/cgi-bin/x.py")
    assert read.dumps() == data


def test_part_of_a_body():
    blob = Blob.restore(Blob(b"abc", 5, digest(b"de")).dump())
    assert blob.same(b"abcde")
    assert not any(map(blob.same, (b"abc", b"abcdX", b"Xbcde", b"abcdef")))
    with pytest.raises(RecordingError, match="only 3 of 5 bytes"):
        _ = recording(sent=blob).body


@pytest.mark.parametrize(
    "changed",
    [{"size": 2}, {"size": 3}, {"sha256_of_the_rest": ""}, {"base64": "?", "text": None}, {"text": [1]}],
)
def test_damaged_bodies(changed):
    damaged = {**Blob(b"abc", 5, digest(b"de")).dump(), **changed}
    damaged = {name: value for name, value in damaged.items() if value is not None}
    with pytest.raises((ValueError, TypeError)):
        Blob.restore(damaged)


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("HTTP_COOKIE", "a=b; c=d=e", "a=(masked); c=(masked)"),
        ("HTTP_COOKIE", "bare", "(masked)"),
        ("HTTP_AUTHORIZATION", "Basic eA==", "(masked)"),
        ("HTTP_PROXY_AUTHORIZATION", "x", "(masked)"),
        ("REMOTE_PASSWD", "x", "(masked)"),
        ("HTTP_X_API_KEY", "x", "(masked)"),
        ("HTTP_X_CSRF_TOKEN", "x", "(masked)"),
        ("HTTP_COOKIE", "", ""),
        ("HTTP_ACCEPT", "text/html", "text/html"),
        ("QUERY_STRING", "a=b", "a=b"),
    ],
)
def test_variables_that_are_masked(name, value, masked):
    made = recording(environ={name: value})
    made.mask()
    assert made.environ[name] == masked
    assert made.masked == ((name,) if masked != value else ())


def test_headers_that_are_masked():
    head = b"set-cookie: a=b; Path=/; Secure\r\nX-Auth-Token: t\r\nSet-Cookie: c=d\r\nContent-Type: x/y\r\n"
    body = b"\r\nSet-Cookie: shown=as it is\n"
    masked = mask_head(head + body)
    assert masked == (
        b"set-cookie: a=(masked); Path=/; Secure\r\nX-Auth-Token:(masked)\r\nSet-Cookie: c=(masked)\r\n"
        b"Content-Type: x/y\r\n" + body
    )
    assert mask_head(masked) == masked
    made = recording(output=Blob(head + body, 500, "hash"))
    made.mask()
    assert made.output.size == 500 + len(masked) - len(head + body)


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        ({}, False),
        ({"status": None}, False),
        ({"status": 1}, True),
        ({"output": Blob(b"")}, True),
        ({"output": Blob(b"Status: 500\n\n")}, True),
        ({"output": Blob(b"Status: 404\n\n")}, False),
        ({"status": 143, "client_gone": True}, False),
    ],
)
def test_what_is_a_failure(values, failed):
    assert recording(**values).failed is failed


def test_order_and_size_of_a_directory(tmp_path):
    for moment in (3.25, 1.0, 2.0, 2.000001):
        recording(time=moment, script="/www/größe x.py").save(str(tmp_path))
    (tmp_path / ".unfinished.json").write_text("{")
    (tmp_path / "notes.txt").write_text("")
    assert [made.time for made in load_all(str(tmp_path))] == [1.0, 2.0, 2.000001, 3.25]
    one = os.stat(tmp_path / sorted(os.listdir(tmp_path))[1]).st_blocks * 512
    prune(str(tmp_path), 2 * one)
    assert [made.time for made in load_all(str(tmp_path))] == [2.000001, 3.25]
    prune(str(tmp_path), 0)
    assert sorted(os.listdir(tmp_path)) == [".unfinished.json", "notes.txt"]
