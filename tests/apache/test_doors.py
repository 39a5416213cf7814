"""How doors obey: changes hold at once, mistakes are said, and the pool decides by the same files."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.doors import Door, Scgi, Serve, Site
from tests.harness.processes import host_environ, until
from tests.harness.webservers import Nginx

LOGIN = ("Authorization", "Basic " + base64.b64encode(b"ann:secret").decode())
SHA = "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(door, id=door.name, marks=pytest.mark.xdist_group(door.name)) for door in (Serve, Scgi)
    ],
)
def door(request: pytest.FixtureRequest, home: Path) -> Iterator[Door]:
    door = request.param("fork", home / f"apache-{request.param.name}")
    yield door
    door.stop()


def test_a_new_file_holds_at_once(site):
    script = site.script("print('ran')")
    assert site.get(script).status == 200
    for _ in range(20):
        site.file(".htaccess", "Require all denied\n")
        assert site.get(script).status == 403
        site.file(".htaccess", "Require all granted\n")
        assert site.get(script).status == 200
        (site.directory / ".htaccess").unlink()
        assert site.get(script).status == 200


def test_a_mistake_is_in_the_log(site):
    script = site.script("print('ran')")
    site.file(".htaccess", "\nFoo bar\n")
    assert site.get(script).status == 500
    site.logged(f"{site.directory}/.htaccess:2: Foo: not known here", "htaccess = false")


def test_what_is_not_obeyed_yet_is_refused(site):
    script = site.script("print('ran')")
    site.file(".htaccess", "Action x /y\n")
    assert site.get(script).status == 500
    site.logged(".htaccess:1: Action: not obeyed by this version yet")


def test_a_user(site):
    pytest.importorskip("passlib")
    script = site.script(
        "import os; print(*map(os.environ.get, ['REMOTE_USER', 'AUTH_TYPE', 'HTTP_AUTHORIZATION']))"
    )
    users = site.file("users", SHA)
    site.file(".htaccess", f'AuthType Basic\nAuthName x\nAuthUserFile "{users}"\nRequire user ann\n')
    refused = site.get(script)
    assert (refused.status, refused.header("WWW-Authenticate")) == (401, 'Basic realm="x"')
    assert site.get(script, headers=[LOGIN]).lines == ["ann Basic None"]
    users.unlink()
    assert site.get(script, headers=[LOGIN]).status == 500


def test_a_clients_name(site):
    try:
        name, _ = socket.getnameinfo(("127.0.0.1", 0), socket.NI_NAMEREQD)
    except OSError:
        pytest.skip("127.0.0.1 has no name here")
    script = site.script("import os; print(os.environ.get('REMOTE_HOST'))")
    assert site.get(script).lines == ["None"]
    site.file(".htaccess", f"Require host x.{name} {name.upper()}\n")
    assert site.get(script).lines == [name.lower()]
    for other in (f"Require host x.{name}", "Require forward-dns nowhere.invalid"):
        site.file(".htaccess", f"{other}\n")
        assert site.get(script).status == 403
    site.file(".htaccess", f"Require forward-dns {name}\n")
    assert site.get(script).lines == ["None"]


def test_a_script_by_its_handler(site):
    script = site.script("import os; print(os.environ['FOO'], os.environ.get('PATH_INFO'))", name="x.foo")
    site.file(".htaccess", "AddHandler cgi-script .foo\nSetEnv FOO 1\n")
    assert site.get(script).lines == ["1 None"]
    assert site.get(script + "/more").lines == ["1 /more"]


def test_a_handler_removed(door):
    folder = door.root / f"removed-{door.name}"
    folder.mkdir()
    (folder / "x.cgi").write_text("#!/bin/sh\necho Content-Type: text/plain\necho\necho ran\n")
    (folder / "x.cgi").chmod(0o755)
    script = f"/{folder.name}/x.cgi"
    assert door.open("GET", script).finish().body == b"ran\n"
    (folder / ".htaccess").write_text("RemoveHandler .cgi\n")
    assert b"ran" not in door.open("GET", script).finish().body.splitlines()
    (folder / ".htaccess").unlink()
    assert door.open("GET", script).finish().body == b"ran\n"


def test_authorization_for_the_script(site):
    script = site.script("import os; print(os.environ.get('HTTP_AUTHORIZATION'))")
    assert site.get(script, headers=[LOGIN]).lines == ["None"]
    site.file(".htaccess", "CGIPassAuth On\n")
    assert site.get(script, headers=[LOGIN]).lines == [LOGIN[1]]


def test_rewriting(site):
    script = site.script("import os; print(os.environ['QUERY_STRING'], os.environ.get('REDIRECT_URL'))")
    site.script("print('other')", name="other.py")
    rules = "RewriteEngine On\nRewriteRule ^script.py/(.*)-(.*)-(.*)x other.py\n"
    rules += "RewriteRule ^script.py/(.*) script.py?$1 [L]\n"
    site.file(".htaccess", rules + "RewriteRule ^other.py/f - [F]\nRewriteRule ^other.py/r /x [R]\n")
    assert site.get(script + "/info").lines == [f"info {script}/info"]
    assert site.get(script + "/a--x").lines == ["other"]
    other = f"{site.path}/other.py"
    assert site.get(other + "/f").status == 403
    assert site.get(other + "/r").header("Location") == "http://localhost/x"
    assert site.get(script + "/" + "a-" * 2000).status == 414
    site.logged("characters: `^script.py/(.*)-(.*)-(.*)x` takes 310 at most")
    site.file(".htaccess", f"RewriteEngine On\nRewriteRule .* {script}\nRewriteRule .* other.py\n")
    assert site.get(script).status == 200
    site.file(".htaccess", "RewriteEngine On\nRewriteRule ^(.*) script.py/$1\n")
    assert site.get(script).status == 500


def test_options_and_redirects(site):
    script = site.script("print('ran')")
    site.file(".htaccess", f"Redirect 303 {script} /else\n")
    answer = site.get(script + "/x", "a=b")
    assert (answer.status, answer.header("Location")) == (303, "http://localhost/else/x?a=b")
    site.file(".htaccess", f"Redirect gone {script}\n")
    assert site.get(script).status == 410
    site.file(".htaccess", "Options None\n")
    assert site.get(script).status == 200  # in cgi-bin, as with ScriptAlias
    (site.directory / "linked.py").symlink_to("script.py")
    assert site.get(f"{site.path}/linked.py").status == 403


def test_no_htaccess(home):
    door = Serve("fork", home / "off", "htaccess = false\n")
    try:
        (door.root / ".htaccess").write_text("Require all denied\n")
        (door.root / "page").write_text("here")
        assert door.open("GET", "/page").finish().body == b"here"
        until(lambda: "no .htaccess is obeyed" in door.log())
    finally:
        door.stop()


@pytest.mark.xdist_group("apache-nginx")
def test_behind_nginx(home):
    place = home / "apache-nginx"
    place.mkdir()
    door = Nginx("fork", place)
    site = door.root / "cgi-bin"
    (site / "x.py").write_text("#!/usr/bin/env python3\nimport os\nprint(f'\\n{os.environ.get(\"FOO\")}')\n")
    (site / "x.py").chmod(0o755)
    try:
        found = []
        for text in (
            "SetEnv FOO 1\n",
            "Require all denied\n",
            "Require ip 127\n",
            "Redirect /cgi-bin/x.py http://example.org/\n",
            "RewriteEngine On\nRewriteRule ^x.py$ - [G]\n",
            "Nonsense\n",
        ):
            (site / ".htaccess").write_text(text)
            found.append(door.open("GET", "/cgi-bin/x.py").finish().status)
        assert found == [200, 403, 200, 302, 410, 500]
    finally:
        door.stop()


BEHIND = """\
DocumentRoot {root}
<Directory "{root}">
    Require all granted
    AllowOverride None
</Directory>
<Location /cgi-bin/closed.py>
    Require all denied
</Location>
Redirect 303 /cgi-bin/away http://example.org/away
RewriteEngine On
RewriteRule ^/cgi-bin/gone - [G]
RewriteRule ^/cgi-bin/pretty/(.*)$ /cgi-bin/x.py?$1 [E=FOO:rule,L]
RewriteRule ^/cgi-bin/hidden$ /cgi-bin/closed.py
RequestHeader set X-Early yes early
RewriteCond %{{HTTP:X-Early}} =yes
RewriteRule ^/cgi-bin/early$ /cgi-bin/x.py?early [L]
RewriteRule ^/cgi-bin/x - [E=FOO:unchanged]
"""


@pytest.mark.xdist_group("apache-nginx")
def test_a_servers_file_behind_nginx(home):
    place = home / "apache-nginx-conf"
    root = place / "www"
    (root / "cgi-bin").mkdir(parents=True)
    (place / "httpd.conf").write_text(BEHIND.format(root=root))
    for name in ("x.py", "closed.py"):
        text = "import os\nprint('\\n' + os.environ.get('FOO', '') + os.environ['QUERY_STRING'])\n"
        (root / "cgi-bin" / name).write_text(text)
    door = Nginx("fork", place, 'apache-conf = "../httpd.conf"\n')
    try:
        asked = ("x.py", "closed.py", "closed.py/x", "away/x", "gone", "pretty/a", "hidden", "none", "early")
        answers = {name: door.open("GET", f"/cgi-bin/{name}").finish() for name in asked}
        found = {name: answer.status for name, answer in answers.items()}
        assert [*found.values()] == [200, 403, 403, 303, 410, 200, 403, 404, 200], found
        assert (answers["x.py"].body, answers["pretty/a"].body) == (b"unchanged\n", b"rulea\n")
        assert answers["early"].body == b"early\n"
        assert answers["away/x"].header("Location") == "http://example.org/away/x"
    finally:
        door.stop()


CONF = """\
Define ROOT {root}
<IfDefine !PUBLIC>
    Include more/*.conf
</IfDefine>
LoadModule x_module y.so
<VirtualHost *:80>
    ServerName www.example.org
    ServerAlias *.example.com
    ServerAdmin ann@example.org
    DocumentRoot "${{ROOT}}"
    <Directory "${{ROOT}}">
        Require all granted
        AllowOverride AuthConfig
    </Directory>
    <Directory "${{ROOT}}/open">
        AllowOverride None
    </Directory>
    <DirectoryMatch "/dir[0-9]$">
        Require all denied
    </DirectoryMatch>
    RewriteEngine On
    RewriteRule "^/pretty/(.*)$" "/$1" [PT]
    RewriteRule "^/away/" "http://example.org/" [R=301,L]
    <Location "/private">
        Require all denied
    </Location>
    <FilesMatch "\\.bak2$">
        Require all denied
    </FilesMatch>
</VirtualHost>
<VirtualHost *:80>
    ServerName path.example.org
    ServerPath /order/
    DocumentRoot "${{ROOT}}"
    Redirect 410 /order/page
    Redirect 410 /page
</VirtualHost>
<VirtualHost *:80>
    ServerName other.example.org
    DocumentRoot /
</VirtualHost>
"""


@pytest.mark.xdist_group("apache-conf")
def test_a_servers_file(home):
    place = home / "conf"
    (place / "www").mkdir(parents=True)
    (place / "more").mkdir()
    (place / "more" / "a.conf").write_text("<Directory />\nRequire all denied\n</Directory>\n")
    (place / "httpd.conf").write_text(CONF.format(root=place / "www"))
    door = Serve("fork", place, 'apache-conf = "../httpd.conf"\n')
    for name in (
        "page",
        "private",
        "privately",
        "dir1/page",
        "open/page",
        "x.bak2",
        "order/page",
        "asked/page",
    ):
        file = door.root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(name)
    (door.root / "open" / ".htaccess").write_text("Nonsense\n")
    (door.root / "order" / ".htaccess").write_text("Order allow,deny\n")  # of class Limit, not allowed
    (door.root / "asked" / ".htaccess").write_text("Require all denied\n")

    def status(path, host="www.example.org"):
        data = f"GET /{path} HTTP/1.0\r\n" + f"Host: {host}\r\n" * bool(host) + "\r\n"
        return door.send(data.encode()).finish().status

    try:
        found = [
            status(path) for path in ("page", "private", "privately", "dir1/page", "open/page", "x.bak2")
        ]
        assert found == [200, 403, 200, 403, 200, 403]
        assert [status("order/page"), status("asked/page")] == [500, 403]
        assert [status("page", host) for host in ("a.example.com", "other.example.org", "unknown")] == [
            200,
            403,
            200,
        ]
        hosts = ["path.example.org", "", "www.example.org"]
        assert [status("order/page", host) for host in hosts] == [410, 410, 500]
        assert [status("page", host) for host in hosts] == [410, 200, 200]
        assert [status("pretty/page"), status("away/x"), status("pretty/private")] == [200, 301, 403]
        until(lambda: "LoadModule" in door.log())
        script = Site(door, "admin").script("import os; print(os.environ.get('SERVER_ADMIN'))")
        assert (
            door.open("GET", script, headers=[("Host", "www.example.org")]).finish().body
            == b"ann@example.org\n"
        )
    finally:
        door.stop()


@pytest.mark.parametrize(
    "text, said",
    [
        ("Nonsense 1\n", "1: Nonsense: not known here"),
        ("Include nothing.conf\n", "1: Include: there is no "),
        ("<Directory /x>\nAllowOverride Some\n</Directory>\n", "2: AllowOverride: `Some` is not known"),
        ("<Directory /x>\n", "1: <Directory>: not closed"),
        ("AccessFileName .other\n", "1: AccessFileName: only .htaccess is known here"),
        ("SetEnvIfExpr x y\n", "1: SetEnvIfExpr: not obeyed"),
        ('RewriteEngine On\nRewriteRule "(a+)+$" /x\n', "2: RewriteRule: repeats a repetition"),
        ("Require all granted\n", "1: Require: not allowed here"),
        ("DocumentRoot /nonexistent\n", "DocumentRoot is /nonexistent, but "),
        ("", "DocumentRoot is not said, but "),
    ],
)
@pytest.mark.parametrize("command", ["serve", "pool"])
def test_a_mistake_ends_the_start(tmp_path, command, text, said):
    file = tmp_path / "httpd.conf"
    file.write_text(text)
    where = ["--bind", f"unix:{tmp_path}/s"] if command == "pool" else ["--port", "0"]
    run = subprocess.run(
        [sys.executable, "-m", "cgicompat", command, str(tmp_path), "--apache-conf", str(file), *where],
        env=host_environ(),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert run.returncode == 2
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1
