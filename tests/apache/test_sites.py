"""The same sites under real Apache and at our doors: statuses, challenges and bodies are the same."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apache.rewrites import REWRITES
from tests.apache.sites import FILES, GROUPS, KINDS, OTHERWISE, SCRIPT, SITES, USERS, Site
from tests.harness.doors import DOORS, HttpDoor
from tests.harness.webservers import Apache
from tests.harness.wire import http_request

ALL = {**SITES, **REWRITES}
passlib = pytest.importorskip("passlib.hash")


class ApacheAll(Apache):
    """All that an .htaccess may say."""

    name = "apache-all"
    modules = ("mpm_prefork", "cgi", "access_compat", "authn_core", "authn_file", "authz_user", "authz_host")
    modules += ("authz_groupfile", "auth_basic", "dir", "autoindex", "env", "setenvif", "rewrite")
    modules += ("headers", "expires")
    configuration = """\
AddHandler cgi-script .cgi
TypesConfig /etc/mime.types
<Directory "%(root)s">
    AllowOverride All
    Options ExecCGI FollowSymLinks
</Directory>
"""


def fill(root: Path, home: Path, sites: dict[str, Site] = ALL) -> None:
    """Writes the sites, and the users' files into `home`, which is not served."""
    quick = {"bcrypt": {"rounds": 4}, "sha512_crypt": {"rounds": 1000}}
    hashes = {
        user: getattr(passlib, kind).using(**quick.get(kind, {})).hash(USERS[user][:72])
        for user, kind in KINDS.items()
    }
    hashes["cy"] = hashes["cy"].replace("$2b$", "$2y$")
    (home / "users").write_text("# users\n" + "".join(f"{user}:{word}\n" for user, word in hashes.items()))
    (home / "groups").write_text(GROUPS)
    for site in sites.values():
        for name in FILES:
            file = root / site.name / name
            file.parent.mkdir(parents=True, exist_ok=True)
            script = name.endswith((".cgi", ".sh")) or "a.foo" in name
            file.write_text(SCRIPT if script else f"{name}\n")
            if name == "page.cgi":
                file.write_text(SCRIPT.replace("text/plain", "text/html; x=y"))
            if name == "bad.cgi":
                file.write_text("#!/bin/sh\nexit 1\n")
            file.chmod(0o755 if script else 0o644)
        for name, text in site.files.items():
            (root / site.name / name).write_bytes((text % {"home": home}).encode())


@pytest.fixture(scope="module")
def apache(home: Path) -> Iterator[HttpDoor]:
    place = home / "apache-all"
    place.mkdir()
    door = ApacheAll("mod_cgid", place)
    fill(door.root, place)
    yield door
    door.stop()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(f"sites-{name}"))
        for name in ("serve", "wsgi")  # serve is the ASGI door
    ],
)
def door(request: pytest.FixtureRequest, home: Path) -> Iterator[HttpDoor]:
    place = home / f"sites-{request.param}"
    place.mkdir()
    door = DOORS[request.param]("fork", place)
    assert isinstance(door, HttpDoor)
    fill(door.root, place)
    yield door
    door.stop()


# Pages for errors that a site has itself.
OWN = (
    b"Not & here",
    b"Gone!",
    b"page.txt",
    b"sub/page.txt",
    b"other.html",
    b"inner",
    b"outer",
    b"/",
    b"ann/",
)


def ask(door: HttpDoor, site: Site, asked: str) -> tuple[int, list[str], bytes]:
    """Status, headers that matter and, where there is a page of the site's own, the body."""
    words = asked.split(" ")
    method = words.pop(0) if words[0].isupper() else "GET"
    headers = [("Connection", "close")]
    if words[-1][:1] == "@":
        user, _, given = words.pop()[1:].partition(":")
        password = given or USERS.get(user, "x")
        headers.append(("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()))
    target = f"/{site.name}/{words[0] if words else ''}"
    body = b"x=1" if method == "POST" else b""
    answer = door.send(http_request(method, target, headers, body), method).finish()
    names = ["WWW-Authenticate", "Location", "X-A", "X-B", "X-C", "X-D", "X-Out", "X-Out2", "Cache-Control"]
    if answer.status == 200 and b"Index of" not in answer.body:
        names += ["Content-Type", "Content-Encoding", "Content-Language"]
    headers = [f"{name}: {value}" for name in names for value in answer.all(name)]
    # Our own redirects are relative, and a file of no known type has one.
    headers = [text.replace("http://localhost", "") for text in headers if not text.endswith("/octet-stream")]
    if answer.status == 200:
        headers.append(f"ETag: {bool(answer.header('ETag'))}, Expires: {bool(answer.header('Expires'))}")
    own = answer.status == 200 or answer.body.startswith(OWN)
    return answer.status, headers, _body(answer.body) if own else b""


def _body(body: bytes) -> bytes:
    """A body, of a list the names in it, without hidden files and programs, which we show to nobody."""
    if b"Index of" not in body:
        return body
    names = re.findall(rb'href="(?:\./)?([\w.]+)', body)
    return b" ".join(sorted(name for name in names if name[:1] not in (b".", b"a")))


@pytest.mark.parametrize("name", ALL)
def test_sites(name: str, door: HttpDoor, apache: HttpDoor) -> None:
    site = ALL[name]
    different = {}
    for asked in site.asked:
        there, here = ask(apache, site, asked), ask(door, site, asked)
        if there != here and (name, asked) not in OTHERWISE:
            different[asked] = f"Apache {there}, here {here}"
    assert not different, "\n".join(f"{asked}: {text}" for asked, text in different.items())
