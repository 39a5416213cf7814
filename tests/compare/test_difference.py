"""What varies is told from what differs."""

from __future__ import annotations

import re

import pytest

from cgicompat.compare import answer
from cgicompat.compare.answer import Part, text
from cgicompat.compare.difference import Expected, Reference


def lines(words: str) -> Part:
    """A part with a line for each of "a|b|c"."""
    return text(*words.split("|"))


def differences(*seen: str, now: str) -> list[str]:
    return [str(one) for one in Expected([lines(one) for one in seen]).differences("body", lines(now))]


@pytest.mark.parametrize(
    ("seen", "now"),
    [
        (["a|b"], "a|b"),
        (["pid 1|b", "pid 2|b"], "pid 33|b"),
        (["it is 10:04:59", "it is 10:05:00"], "it is 10:05:01"),
        (["id=a1b2; x", "id=99ff; x"], "id=0; x"),
        (["a|x|x|b", "a|x|b"], "a|b"),  # how many there are varies
        (["a|x|b", "a|x|x|b"], "a|x|x|x|x|b"),
        (["1 t|x|x|b", "2 t|x|b"], "3 t|b"),
        (["1|2|3|4", "2|3|4|5"], "3|4|5|6"),  # lines that move up, as of a clock
        (["b|a|c", "c|b|a"], "a|c|b"),  # the order of a set
    ],
)
def test_what_varies_may_vary(seen: list[str], now: str) -> None:
    assert differences(*seen, now=now) == []


@pytest.mark.parametrize(
    ("seen", "now", "said"),
    [
        (["a|b"], "a|c", "body, line 2: 'c' in place of 'b'"),
        (["a|b"], "a", "body, line 2: 'b' is missing"),
        (["a"], "a|b|c", "body, line 2: 'b' is added (and 1 more line)"),
        (["a|b|c"], "b|c", "body, line 1: 'a' is missing"),
        (
            ["pid 1, visit 1", "pid 2, visit 1"],
            "pid 3, visit 2",
            "body, line 1: 'pid 3, visit 2' in place of",
        ),
        (["at 1|b|c", "at 2|b|c"], "at 3|x|c", "body, line 2: 'x' in place of 'b'"),
        (["a|x|b|c", "a|x|x|b|c"], "a|x|b|d", "body, line 4: 'd' in place of 'c'"),
        (["a|"], "a", "body, line 2: an empty line is missing"),
    ],
)
def test_what_differs_is_said(seen: list[str], now: str, said: str) -> None:
    (words,) = differences(*seen, now=now)
    assert words.startswith(said)


def test_a_long_line_is_shortened() -> None:
    (words,) = differences("a", now="b" * 500)
    assert len(words) < 200


def test_many_lines_take_no_time() -> None:
    old = "|".join(f"row {i % 7}" for i in range(20_000))
    (words,) = differences(old, now=old.replace("row 3", "row three", 1) + "|end")
    assert words.startswith("body, line 4: 'row three' in place of 'row 3'")


def test_nothing_is_ever_the_same() -> None:
    assert Expected([lines("abc"), lines("def")]).hopeless
    assert not Expected([lines("abc"), lines("abc")]).hopeless
    assert not Expected([lines("id abc"), lines("id def")]).hopeless
    parts = [Part(None, data, 1, data.hex()) for data in (b"\0", b"\1")]
    assert Expected(parts).hopeless
    assert list(Expected(parts).differences("body", Part(None, b"\2", 1, "02"))) == []


def test_lines_to_ignore() -> None:
    expected = Expected([lines("a|took 1 s|b")], [re.compile("^took")])
    assert list(expected.differences("body", lines("a|took long|it was late|b"))) != []
    assert list(expected.differences("body", lines("took 9 s|a|took long|b"))) == []


def test_rows_stand_side_by_side() -> None:
    expected = Expected([lines("at 1|a|b"), lines("at 2|a|b")])
    rows = [
        (row.kind, row.number, row.text, row.other_number, row.other)
        for row in expected.rows(lines("at 3|b|c"))
    ]
    assert rows == [
        ("unstable", 1, "at 1", 1, "at 3"),
        ("differs", 2, "a", 0, ""),
        ("same", 3, "b", 2, "b"),
        ("differs", 0, "", 3, "c"),
    ]


def run(**files: str) -> dict[str, Part]:
    parts = {"status": text("200 OK"), "exit status": text("0"), "body": lines("a")}
    return parts | {f"file {name}": Part((content,), head="file") for name, content in files.items()}


def test_files() -> None:
    reference = Reference([run(count="1", **{"s/a": "x"}), run(count="1", **{"s/b": "y"})])
    assert reference.differences(run(count="1", **{"s/c": "z"})) == []  # names in s vary
    assert list(map(str, reference.differences(run(count="2")))) == [
        "file count, line 1: '2' in place of '1'"
    ]
    assert list(map(str, reference.differences(run()))) == ["file count is left as it was"]
    assert list(map(str, reference.differences(run(count="1", new="x")))) == [
        "file new is changed too (file)"
    ]


@pytest.mark.parametrize(
    ("output", "reset", "late", "status"),
    [
        (b"Content-Type: text/plain\n\nx", False, False, "200 OK"),
        (b"Status: 404 Gone Fishing\n\n", False, False, "404 Gone Fishing"),
        (b"Location: /x\n\n", False, False, "200 OK, then /x by an internal redirect"),
        (b"", False, False, "500 (no output)"),
        (b"", True, False, "502 (the script was killed)"),
        (b"", True, True, "504 (time limit exceeded)"),
        (b"hello", False, False, "500 (output ended within the headers)"),
    ],
)
def test_what_a_client_gets(output: bytes, reset: bool, late: bool, status: str) -> None:
    parts = answer.response_parts(answer.response(output, reset=reset, late=late))
    assert parts["status"].lines == (status,)


def test_headers_keep_the_order_of_one_name_alone() -> None:
    output = b"B: 2\nSet-Cookie: z=1\nA: 1\nSet-Cookie: a=1\nContent-Type: text/plain\n\n"
    assert answer.response_parts(answer.response(output))["headers"].lines == (
        "A: 1",
        "B: 2",
        "Content-Type: text/plain",
        "Set-Cookie: z=1",
        "Set-Cookie: a=1",
    )


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("text/html", "grün".encode("latin-1"), ("grün",)),
        ("text/html; charset=cp1252", "10 €".encode("cp1252"), ("10 €",)),
        ("image/png", b"\x89PNG", None),
        ("text/plain", b"a\0b", None),
        ("application/json", b"{}\n", ("{}", "")),
    ],
)
def test_text_or_bytes(kind: str, body: bytes, shown: tuple[str, ...] | None) -> None:
    output = f"Content-Type: {kind}\n\n".encode() + body
    assert answer.response_parts(answer.response(output))["body"].lines == shown
