"""The file of a recording: nothing is lost in it, but for what is masked."""

from __future__ import annotations

import json
import os
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgicompat.recordings.masking import is_secret, mask_head
from cgicompat.recordings.recording import Blob, Recording, RecordingError, digest, load_all, prune

# Text as variables have it: no NUL, and bytes that are not UTF-8 as lone surrogates.
VALUES = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
NAMES = VALUES.map(lambda text: text.replace("=", "") or "NAME")
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


@given(st.dictionaries(NAMES, VALUES, max_size=4), BODIES, BODIES, st.none() | st.integers(0, 255))
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
        ("HTTP_COOKIE", 'bare; a="b;c"', "(masked); a=(masked);(masked)"),
        ("HTTP_X_SESSION_ID", "x; y", "(masked)"),
        ("HTTP_X_PASSWORD", "x", "(masked)"),
        ("HTTP_API_KEY", "x", "(masked)"),
        ("HTTP_WWW_AUTHENTICATE", "Basic", "Basic"),
        ("HTTP_X_AUTHOR", "Ann", "Ann"),
        ("AUTH_TYPE", "Basic", "Basic"),
        ("SERVER_SIGNATURE", "<address>Apache</address>", "<address>Apache</address>"),
        ("HTTP_KEYWORDS", "a", "a"),
        ("HTTP_REFERER", "http://x/?a=1&Token=t;u&b=2#c", "http://x/?a=1&Token=(masked)&b=2#c"),
        ("REQUEST_URI", "/s.py?pass%77ord=x&next=%2F%3Fsid%3D1", "/s.py?pass%77ord=(masked)&next=(masked)"),
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
    head = (
        b"set-cookie: a=b; Path=/; Secure\r\nX-Auth-Token: t; u\r\n v\r\nSet-Cookie: c=d\r\n"
        b"Set-Cookie2: bare; e=f\r\nApi_Key: k\r\nLocation: /?sid=1#access_token=2\r\nContent-Type: x/y\r\n"
    )
    body = b"\r\nSet-Cookie: shown=as it is\n"
    masked = mask_head(head + body)
    assert masked == (
        b"set-cookie: a=(masked); Path=/; Secure\r\nX-Auth-Token: (masked)\r\nSet-Cookie: c=(masked)\r\n"
        b"Set-Cookie2: (masked); (masked)\r\nApi_Key: (masked)\r\n"
        b"Location: /?sid=(masked)#access_token=(masked)\r\n"
        b"Content-Type: x/y\r\n" + body
    )
    assert mask_head(masked) == masked
    made = recording(output=Blob(head + body, 500, "hash"))
    made.mask()
    assert made.output.size == 500 + len(masked) - len(head + body)


SPELLINGS = ("X-Session-Id", "x_password", "Api_Key", "apiKey", "X-CSRF-Token", "clientSecret", "pwd", "sid")
FORMS = ("form", "json", "multipart")
SECRETS = st.text("abcdefghijklmnop0123456789", min_size=12, max_size=20).map(lambda text: f"q{text}z")


@given(st.sampled_from(SPELLINGS), SECRETS, SECRETS, st.sampled_from(FORMS), st.booleans())
def test_no_secret_is_in_the_file(name, secret, other, form, folded):
    """Wherever it came from, and wherever the script has said it again."""
    bodies = {
        "form": ("application/x-www-form-urlencoded", f"a=1&{name}={secret}%20{other}&b=2"),
        "json": ("application/json", f'{{"a": 1, "{name}": ["{secret}", {{"b": "{other}"}}], "c": 2}}'),
        "multipart": (
            "multipart/form-data; boundary=BB",
            f'--BB\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{secret} {other}\r\n--BB--\r\n',
        ),
    }
    kind, sent = bodies[form]
    header = "HTTP_" + name.upper().replace("-", "_")
    fold = "\n\t" if folded else " "
    made = recording(
        environ={
            header: f"{secret}; {other}",
            "HTTP_COOKIE": f"{secret}; a={other}",
            "HTTP_AUTHORIZATION": f"Bearer {secret}",
            "QUERY_STRING": f"x=1&{name}={secret};{other}",
            "REQUEST_URI": f"/cgi-bin/x.py?{name}={secret};{other}&x=1",
            "HTTP_REFERER": f"http://localhost/?back=%2F%3F{name}%3D{secret}",
            "CONTENT_TYPE": kind,
        },
        sent=Blob(sent.encode()),
        output=Blob(
            f"Set-Cookie: a={secret}; Path=/, b={other}\nSet-Cookie2: {secret};{fold}{other}\n"
            f"X-{name}:{fold}{secret}\nLocation: /?{name}={other}\n\nYou said {secret}.\n".encode()
        ),
        errors=Blob(f"login with {secret}\n".encode()),
    )
    made.mask()
    written = made.dumps().decode()
    assert secret not in written
    assert other not in written
    assert made.environ["CONTENT_TYPE"] == kind


KINDS = ("", "application/json", "multipart/form-data; boundary=B", "multipart/form-data", "text/x")
PIECES = [b'{"token":', b'"\\ud800abcdefgh"', b"--B\r\n", b'name="sid"', b"\r\n\r\n", b"sid=", b"%F", b"%25"]
ODD = st.lists(st.sampled_from(PIECES) | st.binary(max_size=9), max_size=9).map(b"".join)


@given(st.sampled_from(KINDS), ODD, ODD, VALUES)
def test_nothing_ends_the_recorder(kind, sent, output, value):
    environ = {"CONTENT_TYPE": kind, "HTTP_COOKIE": value, "QUERY_STRING": value, "HTTP_X_TOKEN": value}
    made = recording(
        environ=environ, sent=Blob(sent), output=Blob(b"Set-Cookie: " + output), errors=Blob(sent)
    )
    made.mask()
    assert Recording.loads(made.dumps()).environ == made.environ


HALF = 500_000


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("application/json", b'\\"' * HALF),
        ("application/json", b'"' * HALF),
        ("application/json", b'{"token":' * (HALF // 9)),
        ("application/json", b'"a"' + b" " * HALF),
        ("application/x-www-form-urlencoded", b"a=%;" * (HALF // 4)),
        ("application/x-www-form-urlencoded", b"a" * HALF),
        ("application/x-www-form-urlencoded", b"a=" + b"%25" * (HALF // 3)),
        ("application/x-www-form-urlencoded", b"".join(b"token=%08d&" % n for n in range(HALF // 15))),
        ("multipart/form-data; boundary=B", b'--B\r\nx: name="' + b'\\"name=' * (HALF // 7) + b"\r\n\r\nx"),
        ("multipart/form-data; boundary=B", b"--B" * (HALF // 3)),
    ],
)
def test_masking_takes_no_longer_for_what_is_made_to_be_slow(kind, sent):
    """What would take minutes of the recorder's, were any of it looked at again and again."""
    head = b"Set-Cookie: a; expires=" + b" " * 100_000 + b"!\nX: " + b"\n " * 100_000
    made = recording(environ={"CONTENT_TYPE": kind}, sent=Blob(sent), output=Blob(head))
    began = time.monotonic()
    made.mask()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "name", ["author", "keyboard", "monkeys", "passenger", "expires", "side", "description"]
)
def test_what_is_no_secret(name):
    assert not is_secret(name)


DOCUMENT = json.loads(recording(environ={"A": "b"}).dumps())


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"format": ' * 100_000,
        b"\xff\xfe\0",
        b"9" * 5000,
        b"null",
        b"[]",
        *(
            json.dumps({**DOCUMENT, name: value}).encode()
            for name, value in [
                *((name, None) for name in DOCUMENT if name != "status"),
                *((name, ["x"]) for name in DOCUMENT if name != "masked"),
                ("status", 10**30),
                ("status", -1),
                ("status", True),
                ("seconds", "1"),
                ("time", "9999-99-99T00:00:00Z"),
                ("script", "/www/a\0b.py"),
                ("script", "\ud800"),
                ("environ", {"A": 1}),
                ("environ", {"A=B": "c"}),
                ("environ", {"A": "b\0"}),
                ("environ", {"": "b"}),
                ("body", {"size": 1e999, "text": []}),
                ("body", {"size": 1 << 70, "text": [], "sha256_of_the_rest": "x"}),
                ("body", {"size": 0, "text": "abc"}),
                ("body", {"size": 3, "text": ["\ud800"]}),
                ("masked", [1]),
            ]
        ),
    ],
)
def test_what_is_no_recording(tmp_path, content):
    """A file from anywhere: an error that names it, whatever is in it."""
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(RecordingError, match=f"^{re.escape(str(file))}: "):
        load_all(str(tmp_path))


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "fifo.json")
    os.symlink("loop.json", tmp_path / "loop.json")
    (tmp_path / "folder.json").mkdir()
    with open(tmp_path / "large.json", "wb") as file:
        file.truncate(1 << 40)
    for name in os.listdir(tmp_path):
        with pytest.raises(RecordingError, match=name):
            Recording.load(str(tmp_path / name))
    with pytest.raises(RecordingError, match="null"):
        load_all("a\0b")


def test_a_label_does_not_drive_the_terminal():
    made = recording(environ={"REQUEST_URI": "/\x1b[2J", "REQUEST_METHOD": "GET\n"})
    assert made.label == r"GET\n /\x1b[2J"


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
