"""What scripts rely on in `cgi`, case by case: the input that clients send and that strict parsers refuse,
the limits, where values are kept, what is read and imported, and the names of older versions."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import tracemalloc
from typing import Any

import multipart
import pytest

from tests.stdlib import support

cgi = support.load("cgi")

DISPOSITION = b'Content-Disposition: form-data; name="a"'


def part(content: bytes, *headers: bytes) -> bytes:
    return (
        b"--B\r\n"
        + b"".join(line + b"\r\n" for line in headers or (DISPOSITION,))
        + b"\r\n"
        + content
        + b"\r\n"
    )


def form(
    body: bytes, length: int | None = -1, fp: Any = None, environ: dict[str, str] | None = None, **options
):
    """Read a multipart form; `length` None leaves Content-Length out, -1 sends the right one."""
    variables = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        **(environ or {}),
    }
    if length is not None:
        variables["CONTENT_LENGTH"] = str(len(body) if length < 0 else length)
    return options.pop("cls", cgi.FieldStorage)(fp or io.BytesIO(body), environ=variables, **options)


def fields(read: Any) -> list[tuple[Any, Any]]:
    return [(field.name, field.value) for field in read.list]


@pytest.fixture(params=["strict parser", "own rules"], autouse=True)
def parser(request, monkeypatch):
    if request.param == "own rules":
        monkeypatch.setattr(cgi, "_push_parser", lambda *arguments: None)


class TestForgivingRules:
    def test_lines_that_end_in_lf_only(self):
        body = (part(b"1") + part(b"2") + b"--B--\r\n").replace(b"\r\n", b"\n")
        assert fields(form(body)) == [("a", "1"), ("a", "2")]

    def test_spaces_around_the_boundary(self):
        body = b"  --B \t\r\n" + part(b"1")[5:] + b"--B  \r\n" + part(b"2")[5:] + b"--B--  \r\n"
        assert fields(form(body)) == [("a", "1"), ("a", "2")]

    def test_last_boundary_missing(self):
        assert fields(form(part(b"1") + part(b"2"))) == [("a", "1"), ("a", "2")]

    def test_last_boundary_without_line_end(self):
        assert fields(form(part(b"1") + b"--B--")) == [("a", "1")]

    def test_content_length_too_large(self):
        body = part(b"1") + b"--B--\r\n"
        assert fields(form(body, len(body) + 100)) == [("a", "1")]

    def test_content_length_too_small_and_nothing_read_behind_it(self):
        body = part(b"1") + part(b"22222") + b"--B--\r\n"
        fp = io.BytesIO(body)
        assert fields(form(body, body.index(b"222\r"), fp)) == [("a", "1"), ("a", "22")]
        assert fp.read().startswith(b"222\r\n")

    @pytest.mark.parametrize("boundary", ['"B\n"', '"B "', "B\xe9", "", "x" * 202])
    def test_odd_boundaries(self, boundary):
        """One that ends with a newline passes, as ever, and no line equals it; others are refused."""
        environ = {"CONTENT_TYPE": f"multipart/form-data; boundary={boundary}"}
        if boundary == '"B\n"':
            assert fields(form(part(b"1"), environ=environ)) == []
            return
        with pytest.raises(ValueError, match="Invalid boundary in multipart form"):
            form(part(b"1"), environ=environ)

    def test_empty_body(self):
        assert fields(form(b"")) == []

    def test_no_content_disposition(self):
        read = form(part(b"1", b"Content-Type: text/x") + part(b"2") + b"--B--\r\n")
        assert fields(read) == [(None, "1"), ("a", "2")]
        assert read[None].type == "text/x"

    def test_another_disposition(self):
        read = form(part(b"1", b'Content-Disposition: attachment; filename="x"') + b"--B--\r\n")
        assert [(f.name, f.filename, f.value, f.disposition) for f in read.list] == [
            (None, "x", b"1", "attachment")
        ]

    def test_header_line_without_colon_ends_the_headers(self):
        read = form(part(b"1", DISPOSITION, b"junk", b"X: y") + b"--B--\r\n")
        assert fields(read) == [("a", "1")]
        assert list(read["a"].headers) == ["Content-Disposition"]

    def test_more_headers_than_eight(self):
        headers = [b"X-%d: y" % i for i in range(50)]
        assert len(form(part(b"1", *headers, DISPOSITION) + b"--B--\r\n")["a"].headers) == 51

    def test_wrong_content_length_of_a_part(self):
        for length in (b"0", b"1000", b"-3", b"x"):
            read = form(part(b"12", b"Content-Length: " + length, DISPOSITION) + b"--B--\r\n")
            assert fields(read) == [("a", "12")]
            assert "content-length" not in read["a"].headers

    def test_latin_1_in_headers(self):
        body = part(b"1", DISPOSITION.replace(b"a", b"\xe9")) + b"--B--\r\n"
        assert form(body, encoding="latin-1").list[0].disposition_options == {"n\xe9me": "\xe9"}

    def test_body_line_that_begins_with_the_boundary(self):
        body = part(b"--Bx\r\n--B x\r\nx--B") + b"--B--\r\n"
        assert fields(form(body)) == [("a", "--Bx\r\n--B x\r\nx--B")]

    def test_many_parts(self):
        read = form(b"".join(part(b"%d" % i) for i in range(2000)) + b"--B--\r\n")
        assert read.getlist("a") == [str(i) for i in range(2000)]

    def test_file_names_are_left_alone(self):
        name = rb'filename="C:\dir\100%22 file.txt"'
        field = form(part(b"1", DISPOSITION + b"; " + name) + b"--B--\r\n")["a"]
        assert (field.filename, field.type, field.value) == (r"C:\dir\100%22 file.txt", "text/plain", b"1")

    def test_bad_utf_8(self):
        assert form(part(b"\xff1") + b"--B--\r\n").getvalue("a") == "\ufffd1"

    def test_multipart_in_a_part(self):
        inner = b"--C\r\nContent-Disposition: file; filename=x\r\n\r\n1\r\n--C\r\n\r\n2\r\n--C--"
        read = form(part(inner, DISPOSITION, b"Content-Type: multipart/mixed; boundary=C") + b"--B--\r\n")
        assert isinstance(read["a"].value, list)
        assert [(f.filename, f.value) for f in read["a"].list] == [("x", b"1"), (None, "2")]

    def test_query_string_comes_first(self):
        read = form(part(b"1") + b"--B--\r\n", environ={"QUERY_STRING": "a=0&b=&c"}, keep_blank_values=True)
        assert fields(read) == [("a", "0"), ("b", ""), ("c", ""), ("a", "1")]
        assert read.getvalue("a") == ["0", "1"]

    def test_header_of_a_part_has_the_methods_of_a_message(self):
        headers = form(part(b"1", DISPOSITION, b"Content-Type: text/x; charset=y") + b"--B--\r\n")[
            "a"
        ].headers
        assert headers.get_content_type() == "text/x"
        assert headers.get_param("charset") == "y"
        assert headers["CONTENT-TYPE"] == headers.get("content-type") == "text/x; charset=y"


class TestRequests:
    def test_put_is_one_value(self):
        environ = {"REQUEST_METHOD": "PUT", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "2"}
        with cgi.FieldStorage(io.BytesIO(b"{}rest"), environ=environ) as read:
            assert (read.value, read.file.read(), read.list, read.type) == (
                b"{}",
                b"{}",
                None,
                "application/json",
            )
            with pytest.raises(TypeError, match="not indexable"):
                read.getvalue("a")
        assert read.file.closed

    def test_get_without_a_query_string_reads_the_argument(self, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["x.py", "a=1+2&b=%41"])
        read = cgi.FieldStorage(environ={"REQUEST_METHOD": "GET"})
        assert fields(read) == [("a", "1 2"), ("b", "A")]
        assert cgi.parse(io.BytesIO(), {}) == {"a": ["1 2"], "b": ["A"]}

    def test_standard_input_by_default(self, monkeypatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a=1&b=2")))
        assert fields(cgi.FieldStorage(environ={"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "3"})) == [
            ("a", "1")
        ]

    def test_a_socket_that_stays_open(self):
        """Without a Content-Length nothing behind the last boundary is asked for."""

        class Open(io.BytesIO):
            def readline(self, size=-1):
                line = super().readline(size)
                assert line, "would wait for ever"
                return line

        body = part(b"1") + part(b"2") + b"--B--\r\n"
        assert fields(form(body, None, Open(body))) == [("a", "1"), ("a", "2")]
        assert cgi.parse_multipart(Open(body), {"boundary": b"B"}) == {"a": ["1", "2"]}

    def test_parse_reads_multipart(self):
        body = part(b"1") + b"--B--\r\n"
        environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "multipart/form-data; boundary=B"}
        environ["CONTENT_LENGTH"] = str(len(body))
        assert cgi.parse(io.BytesIO(body + b"rest"), environ) == {"a": ["1"]}

    def test_assigned_values_stay(self):
        read = form(part(b"1") + b"--B--\r\n")
        read["a"].value = "2"
        assert read.getvalue("a") == "2"

    def test_leaving_a_form_closes_its_files(self):
        with form(part(b"1", DISPOSITION + b"; filename=x") + b"--B--\r\n") as read:
            file = read["a"].file
        assert file.closed

    def test_text_in_another_encoding_than_its_characters(self):
        body = part(b"\xff" * 200_000) + b"--B--\r\n"
        assert form(body, encoding="ascii").getvalue("a") == "\ufffd" * 200_000
        assert form(body, encoding="ascii", errors="surrogateescape").getvalue("a") == "\udcff" * 200_000

    def test_characters_are_not_broken_at_any_block(self):
        text = "ä€😀" * 60_000
        assert form(part(b"x" + text.encode()) + b"--B--\r\n").getvalue("a") == "x" + text


class TestWhereValuesAreKept:
    def test_small_in_memory_large_on_disk(self):
        upload = DISPOSITION + b"; filename=x"
        small = form(part(b"x" * 60_000, upload) + b"--B--\r\n")["a"]
        large = form(part(b"x" * 70_000, upload) + b"--B--\r\n")["a"]
        text = form(part(b"x" * 70_000) + b"--B--\r\n")["a"]
        assert isinstance(small.file, io.BytesIO)
        assert large.file.fileno() > 2 and text.file.fileno() > 2
        assert (large.value, text.value) == (b"x" * 70_000, "x" * 70_000)
        assert large.file.tell() == 0

    def test_many_small_files_do_not_fill_the_memory(self):
        body = (
            b"".join(part(b"x" * 1000, DISPOSITION + b"; filename=x") for _ in range(20))
            + part(b"1")
            + b"--B--"
        )
        read = form(body, max_memory=5000)
        assert sum(isinstance(field.file, io.BytesIO) for field in read.list) == 5
        assert read.getlist("a") == [b"x" * 1000] * 20 + ["1"]

    @pytest.mark.parametrize("size, made", [(1000, False), (1001, True)])
    def test_make_file_overridden(self, tmp_path, size, made):
        class Form(cgi.FieldStorage):
            def make_file(self):
                assert self._binary_file
                return open(tmp_path / self.filename, "w+b")

        body = part(b"x" * size, DISPOSITION + b"; filename=kept") + b"--B--\r\n"
        with form(body, cls=Form) as read:
            assert type(read["a"]) is Form
            assert read["a"].value == b"x" * size
        assert (tmp_path / "kept").exists() == made

    def test_other_class_for_parts(self):
        class Part:
            done = bytes_read = 0
            list = None
            name = "p"

            def __init__(self, fp, headers, boundary, *rest):
                lines = []
                while (line := fp.readline(1 << 16)) and not line.startswith(b"--" + boundary):
                    lines.append(line)
                self.value = b"".join(lines)
                self.done = line.rstrip().endswith(b"--")

        class Form(cgi.FieldStorage):
            FieldStorageClass = Part

        body = part(b"1\r\n" * 50_000) + part(b"2") + b"--B--\r\n"
        assert form(body, cls=Form).getlist("p") == [b"1\r\n" * 50_000 + b"\r\n", b"2\r\n"]


def inner(boundary: str) -> bytes:
    return f"Content-Type: multipart/x; boundary={boundary}".encode()


class TestLimits:
    @pytest.mark.parametrize(
        "body, limit",
        [
            (part(b"1") * 3, {"max_num_fields": 2}),
            (part(b"1", b"X: " + b"y" * 1000), {"max_header": 1000}),
            (part(b"1", *[b"X: y"] * 200), {"max_header": 1000}),
            (part(b"x" * 1000), {"max_memory": 1000}),
            (part(b"x" * 300) * 4, {"max_memory": 1000}),
            (part(part(b"1", inner("C")), inner("B")), {"max_depth": 2}),
        ],
    )
    def test_over_a_limit(self, body, limit, monkeypatch):
        body += b"--B--\r\n"
        with pytest.raises(ValueError) as over:
            form(body, **limit)
        assert over.value.http_status == 413
        assert form(body).list

        [(keyword, value)] = limit.items()
        monkeypatch.setenv(cgi._LIMITS[keyword][0], str(value))
        with pytest.raises(ValueError):
            form(body)
        assert form(body, **{keyword: 1 << 20}).list

    def test_defaults(self):
        form(part(b"1") * 10_000)
        with pytest.raises(ValueError, match="Max number of fields"):
            form(part(b"1") * 10_001)
        with pytest.raises(ValueError, match="Max number of fields"):
            cgi.FieldStorage(environ={"QUERY_STRING": "&" * 10_000})
        with pytest.raises(ValueError, match="size of text"):
            form(part(b"x" * (17 << 20)))
        form(part(b"x" * (17 << 20), DISPOSITION + b"; filename=x"))
        with pytest.raises(ValueError, match="size of text"):
            environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(17 << 20)}
            cgi.FieldStorage(io.BytesIO(b"a=" + b"x" * (17 << 20)), environ=environ)
        for length in (17 << 20, -1):
            with pytest.raises(ValueError, match="size of text"):
                environ |= {
                    "CONTENT_LENGTH": str(length),
                    "CONTENT_TYPE": "application/x-www-form-urlencoded",
                }
                cgi.parse(io.BytesIO(b"a=" + b"x" * (17 << 20)), environ)
        with pytest.raises(ValueError, match="header"):
            form(part(b"1", b"X: " + b"y" * (1 << 16)))

    def test_maxlen(self, monkeypatch):
        monkeypatch.setattr(cgi, "maxlen", 10)
        with pytest.raises(ValueError, match="Maximum content length exceeded"):
            form(part(b"1"))

    @pytest.mark.parametrize("text, value", [("5", 5), ("2K", 2048), ("1M", 1 << 20), ("1G", 1 << 30)])
    def test_numbers_in_the_environment(self, monkeypatch, text, value):
        monkeypatch.setenv("CGICOMPAT_FORM_SPOOL", text)
        assert cgi._limit("spool") == value

    def test_wrong_number_in_the_environment(self, monkeypatch):
        monkeypatch.setenv("CGICOMPAT_FORM_MEMORY", "much")
        with pytest.raises(ValueError, match="CGICOMPAT_FORM_MEMORY='much': must be a whole number"):
            form(part(b"1"))

    def test_files_are_closed_and_gone_when_a_form_fails(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        made = []

        class Form(cgi.FieldStorage):
            def make_file(self):
                made.append(tempfile.NamedTemporaryFile("w+b"))
                return made[-1]

        upload = part(b"x" * 2000, DISPOSITION + b"; filename=x")
        nested = part(upload + part(b"x" * 2000), inner("B"))
        for body in (upload * 3, upload + nested):
            with pytest.raises(ValueError):
                form(body + b"--B--\r\n", cls=Form, max_num_fields=2, max_memory=1500)
        assert len(made) > 3
        assert all(file.closed for file in made)
        assert os.listdir(tmp_path) == []


class TestTheStrictParser:
    """These say when it is used."""

    @pytest.fixture(autouse=True)
    def parser(self):
        """No other way of reading."""

    @pytest.mark.parametrize("block", [1 << 16, 1000])
    def test_well_formed_forms_are_its_work_to_the_end(self, monkeypatch, block):
        seen = []
        agree = cgi._Body._agree

        def spy(self, blocks, events, opening):
            seen.append(agree(self, blocks, events, opening))
            return seen[-1] and (seen.append(events[-1] is None) or True)

        monkeypatch.setattr(cgi._Body, "_agree", spy)
        monkeypatch.setattr(cgi, "_BLOCK", block)
        upload = DISPOSITION + b'; filename="x"'
        contents = [b"y" * (7 * i) for i in range(150)] + [
            b"z\r\n" * 50_000,
            b"z" * 200_000,
            bytes(range(256)) * 999,
        ]
        body = b"".join(part(content, upload) for content in contents) + b"--B--\r\n"
        assert form(body).getlist("a") == contents
        assert all(seen[::2]) and seen[-1], "own rules took over"

    def test_is_not_imported_for_a_small_form(self):
        code = (
            "import cgi, io, sys; body = b'--B\\r\\n\\r\\n1\\r\\n--B--';"
            "environ = {'REQUEST_METHOD': 'POST', 'CONTENT_TYPE': 'multipart/form-data; boundary=B'};"
            "form = cgi.FieldStorage(io.BytesIO(body), environ=environ | {'CONTENT_LENGTH': str(len(body))});"
            "print(form[None].value, 'multipart' in sys.modules)"
        )
        assert run(code).split() == ["1", "False"]

    def test_a_multipart_beside_the_script_is_not_it(self, tmp_path, monkeypatch):
        (tmp_path / "multipart.py").write_text("raise SystemExit('run by mistake')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "multipart")
        assert fields(form(part(b"x" * 70_000) + b"--B--\r\n")) == [("a", "x" * 70_000)]
        assert "multipart" not in sys.modules

    def test_forms_work_without_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "multipart", None)
        assert fields(form(part(b"x" * 70_000) + b"--B--\r\n")) == [("a", "x" * 70_000)]

    def test_its_version_holds_to_what_is_expected(self):
        parser = multipart.PushMultipartParser(b"B", strict=True)
        events = [*parser.parse(b"--B\r\n"), *parser.parse(DISPOSITION + b"\r\n\r\nab\r\n-c\r\n--B--")]
        assert [type(event) for event in events] == [multipart.MultipartSegment, bytes, type(None)]


def run(code: str, *options: str, **environ: str) -> str:
    """Run Python code with our folder on PYTHONPATH."""
    environ = {**os.environ, "PYTHONPATH": support.FOLDER, **environ}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


class TestModule:
    @pytest.fixture(autouse=True)
    def parser(self):
        """Nothing of this depends on it."""

    def test_importing_it_imports_nothing_and_warns_of_nothing(self):
        code = "import __future__, io, sys; old = {*sys.modules}; import cgi; print(*{*sys.modules} - old)"
        assert run(code, "-W", "error").strip() == "cgi"

    def test_a_query_needs_urllib_only_for_percent_signs(self):
        code = "import cgi, sys; print(cgi.FieldStorage()['a'].value, 'urllib' in sys.modules)"
        assert run(code, "-S", QUERY_STRING="a=1+2").split() == ["1", "2", "False"]
        assert run(code, "-S", QUERY_STRING="a=1%2B2").split() == ["1+2", "True"]

    def test_modules_that_scripts_reach_through_it(self):
        assert cgi.html.escape("<") == "&lt;"
        assert cgi.urllib.parse.unquote("%41") == "A"
        assert cgi.tempfile is tempfile
        with pytest.raises(AttributeError, match="module 'cgi' has no attribute 'nothing'"):
            _ = cgi.nothing

    def test_escape(self):
        assert cgi.escape('<a href="x">&\'') == '&lt;a href="x"&gt;&amp;\''
        assert cgi.escape('"', quote=True) == "&quot;"

    def test_parse_qs(self):
        assert cgi.parse_qs("a=1&a=%C3%A4&b=") == {"a": ["1", "ä"]}
        assert cgi.parse_qsl("a=1&b=", keep_blank_values=1) == [("a", "1"), ("b", "")]

    def test_form_content_dicts(self):
        environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": "a=1&b=2&b=3"}
        many = cgi.FormContentDict(environ)
        assert (many["a"], many.query_string, many.has_key("b"), many.dict["b"]) == (
            ["1"],
            "a=1&b=2&b=3",
            True,
            ["2", "3"],
        )
        one = cgi.SvFormContentDict(environ)
        assert (one["a"], one["b"], one.getlist("a"), one.get("x", 0)) == ("1", ["2", "3"], ["1"], 0)
        assert one.items() == [("a", "1"), ("b", ["2", "3"])] and one.values() == ["1", ["2", "3"]]

    def test_log(self, tmp_path):
        fresh = support.load("cgi")
        fresh.log("dropped: %s", 0)
        fresh.closelog()
        fresh.logfile = str(tmp_path / "log")
        fresh.log("%s: %d", "a", 1)
        fresh.log("b")
        fresh.closelog()
        assert (tmp_path / "log").read_text() == "a: 1\nb\n"

    def test_the_test_script(self):
        page = run("import cgi; cgi.test()", QUERY_STRING="a=%3Cb%3E", REQUEST_METHOD="GET")
        assert page.startswith("Content-Type: text/html\n\n")
        for title in (
            "Current Working Directory",
            "Command Line Arguments",
            "Form Contents",
            "Shell Environment",
        ):
            assert f"<H3>{title}:</H3>" in page
        assert "<b>" not in page and "MiniFieldStorage(&#x27;a&#x27;" in page.replace("'", "&#x27;")
        assert "<H3>Traceback" in run(
            "import cgi; cgi.test()", REQUEST_METHOD="POST", CONTENT_TYPE="multipart/x"
        )


def test_memory_stays_flat_whatever_the_size(tmp_path):
    """Uploads, lines that never end, and boundaries that never end go through in blocks."""
    size = 3 << 19

    class Endless(io.RawIOBase):
        def __init__(self, begin, fill):
            self.begin, self.fill, self.left = begin, fill, size

        def read(self, n=-1):
            data, self.begin = self.begin[:n], self.begin[n:]
            data += (self.fill * n)[: n - len(data)]
            self.left -= len(data)
            return data if self.left > 0 else b""

        def readline(self, n=-1):
            raise AssertionError("has a Content-Length")

    upload = part(b"", DISPOSITION + b"; filename=x")[:-2]
    for begin, fill in [
        (upload, b"x"),
        (upload, b"\n"),
        (upload, b"\r"),
        (upload, b"\r\n"),
        (upload + b"\r\n--B", b"x"),
        (upload, b"\r\n--Bx"),
        (b"", b"x"),
        (b"", b"\n--x"),
        (part(b"", inner("B")), b"\n"),
    ]:
        form(b"", 1000, Endless(begin, fill))
        tracemalloc.start()
        form(b"", size, Endless(begin, fill))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20, (begin, fill, peak)
