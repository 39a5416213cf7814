"""What the server's own files say, and not an .htaccess: the same file under Apache and `--apache-conf`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apache.sites import BASIC, SCRIPT
from tests.apache.test_sites import ApacheAll, fill
from tests.harness.doors import HttpDoor, Serve
from tests.harness.wire import http_request

CONF = """\
Redirect /closed/away http://example.org/away
RedirectMatch "^/closed/(.*)-gone$" /elsewhere/$1
Redirect 410 /gone
<Directory "{home}">
    Require all granted
    AllowOverride All
</Directory>
<Directory "{home}/users.d/ann">
    Options +ExecCGI
</Directory>
<Directory "{root}/closed">
    %(basic)s
    Require valid-user
    Redirect /closed/inner http://example.org/inner
</Directory>
Alias /match/plain "{home}/files"
AliasMatch "^/match/([a-z]+)/(.*)$" "{home}/files/$1/$2"
AliasMatch "^/one$" "{home}/files/page.txt"
ScriptAliasMatch "(?x)^/git/(.*/(HEAD | \
    info/refs))$" "{home}/programs/backend/$1"
AliasMatch "^/git/(.*)$" "{home}/files/$1"
ScriptAliasMatch "^/run/([^/]*)(.*)" "{home}/programs/$1$2"
AliasMatch "^/up/(.)(.)/(.*)" "{home}/files/sub/$1$2/$3"
RewriteEngine On
RewriteMap pages "txt:{home}/pages.map"
RewriteMap chance rnd:{home}/pages.map
RewriteMap lower int:tolower
RewriteMap upper int:toupper
RewriteMap escape int:escape
RewriteMap unescape int:unescape
RewriteRule ^/map/(.*)$ ${{pages:$1|/none}} [PT]
RewriteRule ^/nest/(.*)$ ${{pages:${{lower:$1}}|${{lower:/GIT/PAGE.txt}}}} [PT]
RewriteRule ^/upper/(.*)$ /~ann/run.cgi?${{upper:$1}} [PT]
RewriteRule ^/escape/(.*)$ /~ann/run.cgi?${{escape:$1}} [PT]
RewriteRule ^/unescape/(.*)$ /~ann/run.cgi?${{unescape:$1}} [PT]
RewriteRule ^/unknown/(.*)$ /~ann/run.cgi?${{nothing:$1}}-${{nothing:$1|x}} [PT]
RewriteRule ^/chance$ ${{chance:both}} [PT]
RewriteRule ^/env$ /~ann/run.cgi [PT,E=FOO:server]
RewriteRule ^/env- - [E=FOO:$0]
RewriteRule ^/env-(.*) /~ann/$1 [PT]
RewriteCond ${{pages:%%{{QUERY_STRING}}|none}} !none
RewriteRule ^/asked$ /git/page.txt [PT]
RewriteRule ^/cookie$ /git/page.txt [PT,CO=a:b:.example.org,CO=c:d:localhost:10:/x:secure:HttpOnly:lax]
RewriteRule ^/cookie-away http://example.org/ [R,CO=;a;b:c;.example.org;0,CO=a:z:x]
RewriteRule ^/cookie-cgi /~ann/run.cgi [PT,CO=a:%%{{REQUEST_URI}}:.example.org:-1]
Header set X-A first early
Header always set X-B first early
Header set X-C first early
Header set X-C late
Header append X-D one early
Header append X-D two
Header add X-Out early early
Header always set X-Out2 early early
RequestHeader set X-Early yes early
SetEnvIf X-Early yes BAR=seen
<Location /match/plain>
    Header set X-D location early
    RequestHeader set X-Early no early
</Location>
<Location /one>
    RequestHeader set Range bytes=0-2
</Location>
UserDir "{home}/users.d/*/www"
UserDir disabled cy
"""
FILES = (
    "files/page.txt",
    "files/sub/page.txt",
    "files/sub/index.html",
    "files/sub/run.cgi",
    "files/list/a.txt",
)
FILES += ("users.d/ann/www/page.txt", "users.d/ann/www/run.cgi", "users.d/cy/www/page.txt")
FILES += ("users.d/dee/www/run.cgi",)
MAP = """\
# pages
page /git/page.txt and more
page /none
sub\t/git/sub/page.txt
both /git/page.txt|/git/page.txt
 blank /git/page.txt
alone
"""
FILES += ("users.d/ann/secret.txt", "programs/backend", "programs/deep/run")
ASKED = (
    *("closed/page.txt", "closed/away/x?a=b", "closed/inner", "closed/x-gone", "gone", "gone/x"),
    *(
        "match/sub/run.cgi",
        "match/sub/run.cgi/x",
        "match/list/",
        "~dee/run.cgi",
        "~dee/",
        "match/sub/page.txt",
        "match/sub/",
        "match/sub",
        "match/plain/page.txt",
        "match/none/x",
        "one",
        "one/x",
    ),
    *("git/a/b/HEAD", "git/info/refs", "git/a/info/refs?service=x", "git/page.txt", "git/sub/page.txt"),
    *("run/backend", "run/backend/x/y", "run/deep/run/x", "run/deep/", "run/none", "POST run/backend"),
    *("up/.%%2e/page.txt", "up/../page.txt", "up/%%2e./page.txt", "up/xx/page.txt"),
    *("~ann/page.txt", "~ann/run.cgi/x", "~ann", "~ann/", "~cy/page.txt", "~bob/page.txt", "~/page.txt"),
    *("map/page", "map/sub", "map/both", "map/blank", "map/alone", "map/none", "map/", "nest/SUB", "nest/x"),
    *("upper/aBc%%C3%%BC", "escape/a%%20b%%26%%25/%%C3%%BC", "unescape/a%%2520b", "unknown/a", "chance"),
    *("env", "env-run.cgi", "asked?page", "asked?x", "cookie", "cookie-away", "cookie-cgi"),
    *("mapped/m/page", "mapped/m/none", "mapped/page.txt"),
    *("~ann/../secret.txt", "~ann/www/page.txt", "~../ann/www/page.txt", "~ann/none"),
)


class ApacheServer(ApacheAll):
    """With the file that both read."""

    name = "apache-server"
    modules = (*ApacheAll.modules, "userdir")
    configuration = ApacheAll.configuration + 'Include "%(home)s/both.conf"\n'

    def start(self) -> None:
        write(self.root, self.home)
        super().start()


def write(root: Path, home: Path) -> None:
    text = CONF.replace("%(basic)s", BASIC).replace("%(home)s", str(home))
    (home / "both.conf").write_text(text.format(root=root, home=home).replace("%%", "%"))
    for name in FILES:
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        script = name.endswith(".cgi") or "programs" in name
        file.write_text(SCRIPT if script else f"{name}\n")
        file.chmod(0o755 if script else 0o644)
    (home / "pages.map").write_text(MAP)
    (root / "mapped").mkdir(parents=True, exist_ok=True)
    rules = "RewriteEngine On\nRewriteRule ^m/(.*) ${pages:$1|/git/page.txt} [CO=x:y:.h.org]\n"
    (root / "mapped" / ".htaccess").write_text(rules)
    (root / "closed").mkdir(parents=True, exist_ok=True)
    (root / "closed" / "page.txt").write_text("closed\n")
    fill(root, home, {})


class ServeServer(Serve):
    def start(self) -> None:
        write(self.root, self.home)
        conf = self.home / "both-here.conf"
        conf.write_text(f'DocumentRoot "{self.root}"\nInclude both.conf\n')
        super().start()


@pytest.fixture(scope="module")
def doors(home: Path) -> Iterator[tuple[HttpDoor, HttpDoor]]:
    found: list[HttpDoor] = []
    for name, start in (
        ("apache", lambda place: ApacheServer("mod_cgid", place)),
        ("serve", lambda place: ServeServer("fork", place, 'apache-conf = "../both-here.conf"\n')),
    ):
        place = home / f"server-{name}"
        place.mkdir()
        found.append(start(place))
    yield found[0], found[1]
    for door in found:
        door.stop()


def ask(door: HttpDoor, asked: str) -> tuple[int, str, list[str], bytes]:
    method, _, path = asked.rpartition(" ")
    method = method or "GET"
    answer = door.send(http_request(method, "/" + path, [("Connection", "close")], b""), method).finish()
    location = (answer.header("Location") or "").replace("http://localhost", "")
    body = answer.body if answer.status in (200, 206) and b"Index of" not in answer.body else b""
    cookies = [re.sub(r"(\w+), .* GMT", "then", cookie) for cookie in answer.all("Set-Cookie")]
    names = ("X-A", "X-B", "X-C", "X-D", "X-Out", "X-Out2", "Content-Range")
    headers = [f"{name}: {value}" for name in names for value in answer.all(name)]
    return answer.status, location, cookies + headers, body


@pytest.mark.xdist_group("apache-server")
@pytest.mark.parametrize("asked", [path.replace("%%", "%") for path in ASKED])
def test_the_servers_files(doors: tuple[HttpDoor, HttpDoor], asked: str) -> None:
    apache, here = doors
    found, there = ask(here, asked), ask(apache, asked)
    if ".." in asked.replace("%2e", "."):  # which we refuse, and Apache takes out first
        assert found[0] >= 400
        assert there[0] >= 400
    else:
        assert found == there
