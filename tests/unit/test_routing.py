"""Routing over a real tree: what is a script, what is static, and what nobody may have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cgicompat.routing import OneScript, Redirect, Refusal, Router, Script, Static, decode, hidden

TREE = {
    "index.html": 0o644,
    "page.txt": 0o644,
    "with space.txt": 0o644,
    "hello.py": 0o755,
    "helper.py": 0o644,
    "old.cgi": 0o644,
    "old.cgi.bak": 0o644,
    "data.2009": 0o644,
    "cgicompat.toml": 0o644,
    ".htaccess": 0o644,
    "docs/readme.txt": 0o644,
    "docs/tool.py": 0o755,
    "docs/.git/config": 0o644,
    "cgi-bin/a.sh": 0o755,
    "cgi-bin/foo bar.py": 0o644,
    "cgi-bin/a.sh~": 0o755,
    "cgi-bin/.a.sh.swp": 0o755,
    "cgi-bin/deep/er/b": 0o755,
    "cgi-bin/__pycache__/a.cpython-313.pyc": 0o644,
    "cgi-bin-not/plain.sh": 0o644,
    "downloads/install.sh": 0o644,
    "downloads/install": 0o644,
    "page-with-x.html": 0o755,
    "programs/a.pl": 0o755,
    "programs/a.SH": 0o755,
    "programs/a.rb": 0o744,
    "programs/a.tool": 0o755,
    "programs/a": 0o755,
    "programs/a.tcl": 0o644,
    "programs/a.PHP": 0o644,
    "programs/a.phtml": 0o644,
    "programs/a.inc": 0o644,
    "programs/page.inc": 0o644,
    ".well-known/security.txt": 0o644,
    ".well-known/deep/.well-known/x.txt": 0o644,
    ".well-known/run.cgi": 0o755,
    ".well-known/tool.py": 0o755,
    "home/cgi-bin/c.pl": 0o755,
    "extra/scripts/d": 0o755,
    "wiki/index.html": 0o644,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("routing").resolve()
    root = base / "www"
    for name, mode in TREE.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        line = file.suffix in ("", ".tool") or "install" in name
        file.write_text("#!/bin/sh\n" if line else "<?php" if name.endswith("a.inc") else name)
        file.chmod(mode)
    (base / "www-sibling").mkdir()
    (base / "www-sibling" / "secret.txt").write_text("secret")
    (base / "outside.sh").write_text("outside")
    (base / "outside.sh").chmod(0o755)
    (root / "out.txt").symlink_to(base / "www-sibling" / "secret.txt")
    (root / "outdir").symlink_to(base / "www-sibling")
    (root / "source.txt").symlink_to(root / "cgi-bin" / "a.sh")
    (root / "scripts").symlink_to(root / "cgi-bin")
    (root / "again.txt").symlink_to("page.txt")
    (root / "cgi-bin" / "linked.sh").symlink_to(base / "outside.sh")
    (root / "programs" / "link.txt").symlink_to("a")
    (root / "loop").symlink_to("loop")
    (root / "loops").symlink_to("spool")
    (root / "spool").symlink_to("loops")
    (root / "empty").mkdir()
    return root


@pytest.fixture(scope="module")
def config(root: Path) -> SimpleNamespace:
    return SimpleNamespace(
        directory=str(root), cgi_bin=("cgi-bin", "htbin", "extra/scripts"), script_endings=(".tcl",)
    )


@pytest.fixture(scope="module")
def router(config: SimpleNamespace) -> Router:
    return Router(config)


@pytest.mark.parametrize(
    ("path", "name", "path_info"),
    [
        ("/cgi-bin/a.sh", "/cgi-bin/a.sh", ""),
        ("/cgi-bin/a.sh/", "/cgi-bin/a.sh", "/"),
        ("/cgi-bin/a.sh/x/y", "/cgi-bin/a.sh", "/x/y"),
        ("/cgi-bin//a.sh//x//", "/cgi-bin/a.sh", "/x/"),
        ("/cgi-bin/./a.sh/./x/.", "/cgi-bin/a.sh", "/x/"),
        ("/cgi-bin/foo%20bar.py/a%20b%3f", "/cgi-bin/foo bar.py", "/a b?"),
        ("/cgi-bin/a.sh/caf%C3%A9/%FF", "/cgi-bin/a.sh", "/café/\udcff"),
        ("/cgi-bin/a.sh/.hidden/x~", "/cgi-bin/a.sh", "/.hidden/x~"),
        ("/cgi-bin/deep/er/b/c", "/cgi-bin/deep/er/b", "/c"),
        ("/cgi-bin/linked.sh", "/cgi-bin/linked.sh", ""),
        ("/scripts/../scripts/a.sh", None, None),
        ("/home/cgi-bin/c.pl/x", "/home/cgi-bin/c.pl", "/x"),
        ("/extra/scripts/d", "/extra/scripts/d", ""),
        ("/hello.py/x", "/hello.py", "/x"),
        ("/docs/tool.py", "/docs/tool.py", ""),
        ("/old.cgi/x", "/old.cgi", "/x"),
    ],
)
def test_scripts(router: Router, root: Path, path: str, name: str | None, path_info: str | None) -> None:
    found = router.route(path)
    if name is None:
        assert isinstance(found, Refusal)
        return
    assert isinstance(found, Script)
    assert (found.script_name, found.path_info) == (name, path_info)
    assert found.filename == f"{root}{name}"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/page.txt", "page.txt"),
        ("/with%20space.txt", "with space.txt"),
        ("/again.txt", "page.txt"),
        ("/data.2009", "data.2009"),
        ("/", "index.html"),
        ("/wiki/", "wiki/index.html"),
        ("/docs/", "docs"),
        ("/cgi-bin-not/plain.sh", "cgi-bin-not/plain.sh"),
        ("/downloads/install.sh", "downloads/install.sh"),
        ("/downloads/install", "downloads/install"),
        ("/page-with-x.html", "page-with-x.html"),
        ("/.well-known/security.txt", ".well-known/security.txt"),
    ],
)
def test_static(router: Router, root: Path, path: str, name: str) -> None:
    found = router.route(path)
    assert isinstance(found, Static)
    assert found.path == str(root / name)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/programs/a.pl", 403),
        ("/programs/a.SH", 403),
        ("/programs/a.rb", 403),
        ("/programs/a.PHP", 403),
        ("/programs/a.phtml", 403),
        ("/programs/a.inc", 403),
        ("/programs/a.tool", 403),
        ("/programs/a", 403),
        ("/programs/link.txt", 403),
        ("/loop", 404),
        ("/loop/x", 404),
        ("/loops/", 404),
        ("/docs/.well-known/x.txt", 404),
        ("/.well-known/deep/.well-known/x.txt", 404),
        ("/.WELL-KNOWN/security.txt", 404),
        ("/page.txt/", 404),
        ("/page.txt/below", 404),
        ("/page.txt%20", 404),
        ("/%20/page.txt", 404),
        ("/helper.py", 403),
        ("/old.cgi.bak", 404),
        ("/old.cgi~", 404),
        ("/cgicompat.toml", 404),
        ("/.htaccess", 404),
        ("/docs/.git/config", 404),
        ("/docs/%2egit/config", 404),
        ("/cgi-bin", 403),
        ("/cgi-bin/", 403),
        ("/cgi-bin/deep/", 403),
        ("/home/cgi-bin/", 403),
        ("/cgi-bin/a.sh~", 404),
        ("/cgi-bin/.a.sh.swp", 404),
        ("/cgi-bin/__pycache__/a.cpython-313.pyc", 404),
        ("/cgi-bin/a.sh%00", 400),
        ("/cgi-bin/a.sh%00.txt", 400),
        ("/cgi-bin/a.sh%20", 404),
        ("/cgi-bin/a.sh/a%2Fb", 404),
        ("/cgi-bin%2Fa.sh", 404),
        ("/cgi-bin/a.sh%2F", 404),
        ("/cgi-bin/a.sh/..", 400),
        ("/../www-sibling/secret.txt", 400),
        ("/%2e%2e/www-sibling/secret.txt", 400),
        ("/..%2fwww-sibling/secret.txt", 404),
        ("/-sibling/secret.txt", 404),
        ("/out.txt", 403),
        ("/outdir/secret.txt", 403),
        ("/outdir/", 403),
        ("/source.txt", 403),
        ("/scripts/", 403),
        ("/scripts/a.sh", 403),
        ("/%zz", 400),
        ("/%", 400),
        ("/%4", 400),
        ("/%é0", 400),
        ("/%%20", 400),
        ("*", 400),
        ("page.txt", 400),
        ("/" + "x" * 5000, 404),
    ],
)
def test_refusals(router: Router, path: str, status: int) -> None:
    found = router.route(path)
    assert isinstance(found, Refusal)
    assert found.status == status
    assert found.reason


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("/programs/a.pl", 'script-endings = [".pl"]'),
        ("/programs/a", "call it *.cgi"),
        ("/programs/a.tool", "move it into cgi-bin"),
        ("/programs/a.rb", "chmod a-x"),
        ("/programs/a.PHP", "call it *.txt"),
    ],
)
def test_a_program_that_is_no_script_gets_a_hint(router: Router, path: str, remedy: str) -> None:
    found = router.route(path)
    assert isinstance(found, Refusal)
    assert remedy in found.hint
    assert router.directory not in found.hint


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("", "/"),
        ("/docs", "/docs/"),
        ("//docs", "/docs/"),
        ("/d%6Fcs", "/d%6Fcs/"),
        ("//evil.example//../..", None),
    ],
)
def test_directory_without_slash_redirects_to_a_path_never_to_a_host(
    router: Router, path: str, location: str | None
) -> None:
    match router.route(path):
        case Redirect(where):
            assert where == location
        case other:
            assert location is None, other


def test_case_does_not_turn_scripts_into_static_files(tmp_path: Path) -> None:
    """A directory named CGI-BIN stands in for a file system that ignores case."""
    (tmp_path / "CGI-BIN").mkdir()
    (tmp_path / "CGI-BIN" / "x").write_text("secret")
    (tmp_path / "x.CGI").write_text("secret")
    router = Router(
        SimpleNamespace(directory=str(tmp_path.resolve()), cgi_bin=("cgi-bin",), script_endings=())
    )
    assert isinstance(router.route("/CGI-BIN/x"), Script)
    assert isinstance(router.route("/x.CGI"), Script)


def test_dot_makes_the_whole_directory_scripts(root: Path) -> None:
    router = Router(
        SimpleNamespace(directory=str(root / "cgi-bin"), cgi_bin=("cgi-bin", "."), script_endings=())
    )
    found = router.route("/a.sh/x")
    assert isinstance(found, Script)
    assert (found.script_name, found.path_info) == ("/a.sh", "/x")
    assert isinstance(router.route("/"), Refusal)


def test_no_permission_is_403_and_devices_are_not_served(root: Path, router: Router) -> None:
    os.mkfifo(root / "pipe")
    try:
        found = router.route("/pipe")
        assert isinstance(found, Refusal) and found.status == 403
    finally:
        (root / "pipe").unlink()


@pytest.mark.parametrize(
    ("path", "path_info"),
    [("", ""), ("/", "/"), ("//", "/"), ("/a/b", "/a/b"), ("/a%20b/", "/a b/"), ("/.git/x~", "/.git/x~")],
)
def test_one_script_gets_every_path(path: str, path_info: str) -> None:
    found = OneScript("/srv/wiki.py").route(path)
    assert isinstance(found, Script)
    assert (found.filename, found.script_name, found.path_info) == ("/srv/wiki.py", "", path_info)


def test_one_script_refuses_what_any_path_may_not_have() -> None:
    found = OneScript("/srv/wiki.py").route("/a/%2e%2e/b")
    assert isinstance(found, Refusal) and found.status == 400


def test_listing_names_only_what_can_be_asked_for(router: Router, root: Path) -> None:
    assert list(router.listing(str(root / "docs"))) == ["readme.txt", "tool.py"]
    names = set(router.listing(str(root)))
    assert names == {
        "again.txt",
        "cgi-bin-not/",
        "data.2009",
        "docs/",
        "downloads/",
        "empty/",
        "extra/",
        "hello.py",
        "home/",
        "index.html",
        "old.cgi",
        "page-with-x.html",
        "page.txt",
        "programs/",
        "wiki/",
        "with space.txt",
    }
    assert list(router.listing(str(root / "empty"))) == []


@pytest.mark.parametrize(
    "name", ["x.py~", "#x#", ".x.swp", "x.BAK", "x.py,v", "x.py.1", "x.cgi-old", "x.pyc", "CGICompat.toml"]
)
def test_hidden_names(name: str) -> None:
    assert hidden(name)


@pytest.mark.parametrize(
    "name", ["x.py", "x.cgi", "py", "pyc", "x.txt", "x.py.html", "1", "x.1", "x.tar.gz", "PY.1"]
)
def test_names_in_the_open(name: str) -> None:
    assert not hidden(name)


def test_is_script(router: Router, root: Path) -> None:
    for good in ("cgi-bin/a.sh", "cgi-bin/linked.sh", "cgi-bin/deep/er/b", "hello.py", "old.cgi"):
        assert router.is_script(f"{root}/{good}"), good
    for bad in (
        "page.txt",
        "helper.py",
        "cgi-bin",
        "cgi-bin/",
        "cgi-bin/none",
        "cgi-bin/a.sh/x",
        "cgi-bin/a.sh/",
        "cgi-bin//a.sh",
        "cgi-bin/../cgi-bin/a.sh",
        "cgi-bin/./a.sh",
        "cgi-bin/a.sh~",
        "../outside.sh",
        "",
    ):
        assert not router.is_script(f"{root}/{bad}"), bad
    assert not router.is_script("/bin/sh")
    assert not router.is_script("cgi-bin/a.sh")
    assert not router.is_script(f"{root}-sibling/secret.txt")


def test_what_was_found_before_is_found_no_longer(tmp_path: Path) -> None:
    router = Router(SimpleNamespace(directory=str(tmp_path), cgi_bin=("cgi-bin",), script_endings=()))  # type: ignore[arg-type]
    script = tmp_path / "x.py"

    def found() -> tuple[type, bool]:
        return type(router.route("/x.py/info")), router.is_script(str(script))

    for _ in range(2):
        script.write_text("")
        script.chmod(0o755)
        assert found() == found() == (Script, True)
        script.chmod(0o644)
        assert found() == found() == (Refusal, False)
        script.unlink()
        assert found() == (Refusal, False)
    script.write_text("")
    script.chmod(0o755)
    assert found() == (Script, True)
    script.unlink()
    script.mkdir()
    assert found() == (Refusal, False)


def test_paths_and_file_names_are_not_mixed_up(router: Router, root: Path) -> None:
    assert isinstance(router.route("/cgi-bin/a.sh"), Script)
    assert not router.is_script("/cgi-bin/a.sh")
    assert router.is_script(f"{root}/cgi-bin/a.sh")
    assert isinstance(router.route(f"{root}/cgi-bin/a.sh"), Refusal)


def test_what_is_remembered_is_bounded(router: Router) -> None:
    for number in range(3000):
        assert isinstance(router.route(f"/cgi-bin/a.sh/{number}"), Script)
    assert isinstance(router.route("/cgi-bin/a.sh/" + "x" * 10_000), Script)
    assert len(router._by_path._scripts) <= 1000
    assert max(map(len, router._by_path._scripts)) <= 256


@given(st.text(max_size=30))
def test_decode_is_the_inverse_of_quoting_every_byte(text: str) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
    assert decode(quoted).encode("utf-8", "surrogateescape") == text.encode("utf-8", "surrogatepass")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["", ".", "..", "cgi-bin", "a.sh", "%2e%2e", "%2f", "%00", "www-sibling", "secret.txt", "scripts",
             "outdir", "docs", "%", "page.txt", ".git", "\udcff", "é", "\ud800"]
        ),
        max_size=6,
    )
)  # fmt: skip
def test_whatever_is_asked_nothing_leaves_the_directory(router: Router, root: Path, parts: list[str]) -> None:
    found = router.route("/" + "/".join(parts))
    match found:
        case Static(path):
            assert Path(path).resolve().is_relative_to(root)
            assert "cgi-bin" not in Path(path).parts
        case Script(filename, script_name, path_info):
            assert Path(filename).is_relative_to(root)
            assert ".." not in f"{script_name}{path_info}".split("/")


def test_import_is_lean() -> None:
    """The pool's workers import this file: it must not bring modules that a bare interpreter lacks."""
    code = (
        "import __future__, sys; before = set(sys.modules); import cgicompat.routing; "
        "print(*set(sys.modules) - before)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(out.split()) == {"cgicompat", "cgicompat.routing"}
