"""What the server's own files say, and not an .htaccess: the same file under Apache and `--apache-conf`."""

from __future__ import annotations

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
    Options +ExecCGI +FollowSymLinks -Indexes
    AllowOverride All
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
UserDir "{home}/users.d/*/www"
UserDir disabled cy
"""
FILES = ("files/page.txt", "files/sub/page.txt", "files/sub/index.html", "files/sub/x.sh")
FILES += ("users.d/ann/www/page.txt", "users.d/ann/www/run.cgi", "users.d/cy/www/page.txt")
FILES += ("users.d/ann/secret.txt", "programs/backend", "programs/deep/run")
ASKED = (
    *("closed/page.txt", "closed/away/x?a=b", "closed/inner", "closed/x-gone", "gone", "gone/x"),
    *(
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
    text = CONF % {"basic": BASIC % {"home": home}}
    (home / "both.conf").write_text(text.replace("{root}", str(root)).replace("{home}", str(home)))
    for name in FILES:
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        script = name.endswith(".cgi") or "programs" in name
        file.write_text(SCRIPT if script else f"{name}\n")
        file.chmod(0o755 if script else 0o644)
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


def ask(door: HttpDoor, asked: str) -> tuple[int, str | None, bytes]:
    method, _, path = asked.rpartition(" ")
    method = method or "GET"
    answer = door.send(http_request(method, "/" + path, [("Connection", "close")], b""), method).finish()
    location = (answer.header("Location") or "").replace("http://localhost", "")
    body = answer.body if answer.status == 200 and b"Index of" not in answer.body else b""
    return answer.status, location, body


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
