"""Variables of a request: those of the RFC, those that Apache adds, and those that must never come about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cgicompat.environ import SOFTWARE, build

REQUEST: dict[str, Any] = {
    "method": "GET",
    "protocol": "HTTP/1.1",
    "scheme": "http",
    "uri": "/cgi-bin/a%20b.py/x%2520?q=%20",
    "query": "q=%20",
    "headers": [("host", "example.org:8080")],
    "filename": "/www/cgi-bin/a b.py",
    "script_name": "/cgi-bin/a b.py",
    "path_info": "/x%20",
    "document_root": "/www",
    "server": ("10.0.0.1", 8000),
    "client": ("10.0.0.2", 5000),
    "length": 0,
}


def built(**changes: Any) -> dict[str, str]:
    return build(**{**REQUEST, **changes})


def with_headers(*headers: tuple[str, str], **changes: Any) -> dict[str, str]:
    return built(headers=headers, **changes)


def test_all_variables_of_a_plain_request() -> None:
    assert built() == {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": SOFTWARE,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "8080",
        "SERVER_ADDR": "10.0.0.1",
        "REQUEST_SCHEME": "http",
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/cgi-bin/a%20b.py/x%2520?q=%20",
        "QUERY_STRING": "q=%20",
        "SCRIPT_NAME": "/cgi-bin/a b.py",
        "SCRIPT_FILENAME": "/www/cgi-bin/a b.py",
        "DOCUMENT_ROOT": "/www",
        "PATH_INFO": "/x%20",
        "PATH_TRANSLATED": "/www/x%20",
        "REMOTE_ADDR": "10.0.0.2",
        "REMOTE_PORT": "5000",
        "HTTP_HOST": "example.org:8080",
    }


def test_what_is_absent_where_there_is_nothing_to_say() -> None:
    environ = with_headers(path_info="", uri="/x", query="")
    assert environ["QUERY_STRING"] == ""
    for name in (
        "PATH_INFO",
        "PATH_TRANSLATED",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "HTTPS",
        "REMOTE_USER",
        "AUTH_TYPE",
    ):
        assert name not in environ


def test_https() -> None:
    environ = built(scheme="https")
    assert (environ["HTTPS"], environ["REQUEST_SCHEME"]) == ("on", "https")


def test_unix_socket_has_no_addresses() -> None:
    environ = with_headers(server=None, client=None)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]) == ("localhost", "80", "")
    assert "REMOTE_PORT" not in environ and "SERVER_ADDR" not in environ
    assert with_headers(server=None, scheme="https")["SERVER_PORT"] == "443"


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("example.org", "example.org", "8000"),
        ("EXAMPLE.org:81", "example.org", "81"),
        ("example.org:", "example.org", "8000"),
        ("[::1]", "[::1]", "8000"),
        ("[::1]:81", "[::1]", "81"),
        ("[::ffff:1.2.3.4]:81", "[::ffff:1.2.3.4]", "81"),
        ("127.0.0.1:81", "127.0.0.1", "81"),
        ("", "10.0.0.1", "8000"),
        (":81", "10.0.0.1", "8000"),
        ("::1", "10.0.0.1", "8000"),
        ("[]", "10.0.0.1", "8000"),
        ("[evil]", "10.0.0.1", "8000"),
        ("a b", "10.0.0.1", "8000"),
        ("<script>", "10.0.0.1", "8000"),
        ("a/b", "10.0.0.1", "8000"),
        ("user@host", "10.0.0.1", "8000"),
        ("host:80x", "10.0.0.1", "8000"),
        ("host:70000", "10.0.0.1", "8000"),
        ("host:-1", "10.0.0.1", "8000"),
        ("host:\xb2", "10.0.0.1", "8000"),
        ("a, b", "10.0.0.1", "8000"),
    ],
)
def test_name_and_port_are_the_clients_where_they_make_sense(host: str, name: str, port: str) -> None:
    environ = with_headers(("Host", host))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)
    assert environ["HTTP_HOST"] == host


def test_ipv6_connection() -> None:
    environ = with_headers(server=("::1", 8000), client=("fe80::2", 5000))
    assert (environ["SERVER_NAME"], environ["SERVER_ADDR"], environ["REMOTE_ADDR"]) == (
        "[::1]",
        "::1",
        "fe80::2",
    )
    environ = with_headers(server=("::ffff:10.0.0.1", 8000), client=("::ffff:10.0.0.2", 5000))
    assert (environ["SERVER_NAME"], environ["SERVER_ADDR"]) == ("10.0.0.1", "10.0.0.1")
    assert environ["REMOTE_ADDR"] == "10.0.0.2"


def test_body() -> None:
    environ = with_headers(("content-length", "3"), ("Content-Type", "text/plain; charset=x"), length=3)
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["CONTENT_TYPE"] == "text/plain; charset=x"
    assert not [name for name in environ if name.startswith("HTTP_")]


def test_chunked_body_gets_a_length_and_loses_its_encoding() -> None:
    environ = with_headers(("transfer-encoding", "chunked"), ("content-encoding", "gzip"), length=7)
    assert environ["CONTENT_LENGTH"] == "7"
    assert environ["HTTP_CONTENT_ENCODING"] == "gzip"
    assert "HTTP_TRANSFER_ENCODING" not in environ
    assert with_headers(("transfer-encoding", "chunked"))["CONTENT_LENGTH"] == "0"
    assert with_headers(("content-length", "0"))["CONTENT_LENGTH"] == "0"


def test_body_without_any_header_about_it() -> None:
    """HTTP/2 and HTTP/3 need neither Content-Length nor Transfer-Encoding."""
    assert with_headers(length=7)["CONTENT_LENGTH"] == "7"


def test_repeated_headers() -> None:
    environ = with_headers(("Cookie", "a=1"), ("X-A", "1"), ("cookie", "b=2"), ("x-a", "2"), ("X-a", ""))
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_X_A"] == "1, 2, "


@pytest.mark.parametrize(
    "name", ["Proxy", "proxy", "X_Foo", "Content_Length", "X.Foo", "X Foo", "X\0", "Xé", "X=Y", "",
             "Transfer-Encoding", "Proxy-Authorization"]
)  # fmt: skip
def test_headers_that_make_no_variable(name: str) -> None:
    environ = with_headers((name, "evil"), path_info="")
    assert "evil" not in environ.values()


def test_underscore_never_poses_as_a_dash() -> None:
    assert with_headers(("X-Foo", "good"), ("X_Foo", "evil"))["HTTP_X_FOO"] == "good"
    assert "CONTENT_LENGTH" not in with_headers(("Content_Length", "5"))


def test_authorization_only_on_demand() -> None:
    header = ("Authorization", "Basic eDp5")
    assert "HTTP_AUTHORIZATION" not in with_headers(header)
    assert with_headers(header, pass_authorization=True)["HTTP_AUTHORIZATION"] == "Basic eDp5"


def test_user_that_the_server_in_front_knows() -> None:
    environ = with_headers(user="guido", auth_type="Basic")
    assert (environ["REMOTE_USER"], environ["AUTH_TYPE"]) == ("guido", "Basic")


def test_headers_cannot_set_variables_of_the_server() -> None:
    environ = with_headers(("Remote-User", "root"), ("HTTPS", "on"), ("Script-Filename", "/etc/passwd"))
    assert "REMOTE_USER" not in environ and "HTTPS" not in environ
    assert environ["SCRIPT_FILENAME"] == "/www/cgi-bin/a b.py"


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=8))
def test_any_header_gives_a_sound_name_below_http(headers: list[tuple[str, str]]) -> None:
    plain = set(with_headers()) | {"CONTENT_TYPE", "CONTENT_LENGTH"}
    for name in set(with_headers(*headers)) - plain:
        assert name.startswith("HTTP_") and name.isascii() and name.replace("_", "").isalnum()
