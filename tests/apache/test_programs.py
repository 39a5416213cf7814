"""Programs that people have, with Apache's configuration as their own documentation has it.

They are Debian's and PyPI's packages, fetched into a temporary directory; where that is not possible, a test
is left out. PROGRAMS=1 in the environment adds those that take long.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.doors import Serve
from tests.harness.processes import host_environ

pytestmark = pytest.mark.xdist_group("apache-programs")

USERS = "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"  # secret
LOGIN = "Authorization: Basic " + base64.b64encode(b"ann:secret").decode() + "\r\n"
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}


class Program:
    """A directory with a program's files, and a server that obeys a configuration for it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.door: Serve | None = None

    def debian(self, *packages: str) -> None:
        """Unpacks packages into `home`."""
        options = [
            "-o",
            "Acquire::Retries=0",
            "-o",
            "Acquire::http::Timeout=10",
            "-o",
            "APT::Sandbox::User=root",
        ]
        self._run(["apt-get", *options, "download", *packages])
        for file in self.home.glob("*.deb"):
            self._run(["dpkg-deb", "-x", file.name, "."])

    def pypi(self, *distributions: str) -> None:
        """Installs distributions into `home`/lib."""
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--timeout",
            "10",
            "--retries",
            "0",
        ]
        self._run([*pip, "install", "--quiet", "--no-compile", "--target", "lib", *distributions])

    def _run(self, command: list[str]) -> None:
        try:
            subprocess.run(command, cwd=self.home, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"{command[0]} has not got it: {getattr(error, 'stderr', None) or error}")

    def serve(self, conf: str) -> None:
        (self.home / "users").write_text(USERS)
        conf = conf.replace("{home}", str(self.home)).replace("{root}", str(self.home / "www"))
        conf += f'<Directory "{self.home}">\nRequire all granted\n</Directory>\n'
        (self.home / "httpd.conf").write_text(conf)
        self.door = Serve("fork", self.home, 'apache-conf = "../httpd.conf"\n')

    @property
    def url(self) -> str:
        assert self.door
        return "http://{}:{}".format(*self.door.address)

    def get(self, path: str, *more: str) -> tuple[int, bytes]:
        assert self.door
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{''.join(more)}\r\n"
        answer = self.door.send(head.encode()).finish()
        return answer.status, answer.body


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    one = Program(tmp_path.resolve())
    yield one
    if one.door:
        one.door.stop()


def git(*arguments: str, cwd: Path, **variables: str) -> str:
    run = subprocess.run(
        ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.org", *arguments],
        cwd=cwd,
        env=host_environ(**GIT, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return run.stdout


def repository(home: Path) -> Path:
    """A bare one with a single commit."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    work = home / "work"
    work.mkdir()
    git("init", "-q", "-b", "main", cwd=work)
    (work / "poem.txt").write_text("A poem\n")
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "The first", cwd=work)
    (home / "repositories").mkdir()
    git("clone", "-q", "--bare", str(work), str(home / "repositories" / "poems.git"), cwd=home)
    return home / "repositories" / "poems.git"


# git-http-backend(1), and gitweb's in the same place.
GIT_HTTP = r"""
DocumentRoot "{root}"
SetEnv GIT_PROJECT_ROOT {home}/repositories
SetEnv GIT_HTTP_EXPORT_ALL
AliasMatch ^/git/(.*/objects/[0-9a-f]{2}/[0-9a-f]{38})$          {home}/repositories/$1
AliasMatch ^/git/(.*/objects/pack/pack-[0-9a-f]{40}.(pack|idx))$ {home}/repositories/$1
ScriptAliasMatch \
    "(?x)^/git/(.*/(HEAD | \
        info/refs | \
        objects/info/[^/]+ | \
        git-(upload|receive)-pack))$" \
    {backend}/$1
<Directory "{libexec}">
    Require all granted
    Options +ExecCGI
</Directory>
<LocationMatch "^/git/.*/git-receive-pack$">
    AuthType Basic
    AuthName "Git Access"
    AuthUserFile "{home}/users"
    Require valid-user
</LocationMatch>
"""


def test_git_http_backend(program: Program) -> None:
    bare = repository(program.home)
    libexec = git("--exec-path", cwd=program.home).strip()
    if not os.path.exists(backend := f"{libexec}/git-http-backend"):
        pytest.skip("git-http-backend is not installed")
    program.serve(GIT_HTTP.replace("{backend}", backend).replace("{libexec}", libexec))
    git("update-server-info", cwd=bare)
    address = f"{program.url}/git/poems.git"
    git("clone", "-q", address, "dumb", cwd=program.home, GIT_SMART_HTTP="0")
    git("clone", "-q", address, "copy", cwd=program.home)
    copy = program.home / "copy"
    assert (copy / "poem.txt").read_text() == (program.home / "dumb" / "poem.txt").read_text() == "A poem\n"
    (copy / "poem.txt").write_text("A better poem\n")
    git("commit", "-q", "-a", "-m", "The second", cwd=copy)
    git("config", "http.receivepack", "true", cwd=bare)
    with pytest.raises(subprocess.CalledProcessError):
        git("push", "-q", address, "main", cwd=copy)
    git("push", "-q", address.replace("//", "//ann:secret@"), "main", cwd=copy)
    assert "The second" in git("log", "--oneline", "main", cwd=bare)


# gitweb's README and gitweb(1), with its files where Debian has them.
GITWEB_FILES = Path("/usr/share/gitweb")
GITWEB = """
<VirtualHost *:80>
    ServerName localhost
    DocumentRoot "{root}"
    SetEnv GITWEB_CONFIG {home}/gitweb.conf
    SetEnv PERL5LIB {perl}
    Alias /gitweb {gitweb}
    <Directory {gitweb}>
        Options +FollowSymLinks +ExecCGI
        AddHandler cgi-script .cgi
        DirectoryIndex gitweb.cgi
    </Directory>
    ScriptAlias /programs/gitweb.cgi {gitweb}/gitweb.cgi
    RewriteEngine on
    # make the front page an internal rewrite to the gitweb script
    RewriteRule ^/$  /programs/gitweb.cgi
    # make access for "dumb clients" work
    RewriteRule ^/(.*\\.git/(?!/?(HEAD|info|objects|refs)).*)?$ \
        /programs/gitweb.cgi%{REQUEST_URI}  [L,PT]
</VirtualHost>
"""


def test_gitweb(program: Program) -> None:
    repository(program.home)
    if not GITWEB_FILES.exists():
        pytest.skip("gitweb is not installed")
    program.debian("libcgi-pm-perl", "libhtml-parser-perl")
    (program.home / "gitweb.conf").write_text(f'$projectroot = "{program.home}/repositories";\n')
    conf = GITWEB.replace("{perl}", ":".join(perl_path(program.home)))
    program.serve(conf.replace("{gitweb}", str(GITWEB_FILES)))
    for path in ("/gitweb/gitweb.cgi", "/gitweb/", "/"):
        status, body = program.get(path)
        assert (status, b"poems.git" in body) == (200, True), body
    assert b"The first" in program.get("/gitweb/?p=poems.git;a=shortlog")[1]
    assert program.get("/gitweb/gitweb.cgi?p=poems.git;a=blob_plain;f=poem.txt") == (200, b"A poem\n")
    assert b"The first" in program.get("/poems.git/shortlog")[1]
    assert program.get("/gitweb/static/gitweb.css")[0] == 200


def perl_path(home: Path) -> list[str]:
    places = [*home.glob("usr/share/perl5"), *home.glob("usr/lib/*/perl5/*")]
    return [str(place) for place in places]


# /usr/share/doc/awstats/examples/apache.conf
AWSTATS = """
DocumentRoot "{root}"
SetEnv AWSTATS_ENABLE_CONFIG_DIR {home}/etc/awstats
<Directory {home}/usr/share/awstats/icon>
    Options None
    AllowOverride None
    Order allow,deny
    Allow from all
</Directory>
Alias /awstats-icon/ {home}/usr/share/awstats/icon/
ScriptAlias /cgi-bin/ {home}/usr/lib/cgi-bin/
"""


def test_awstats(program: Program) -> None:
    program.debian("awstats")
    home = program.home
    config = (
        (home / "etc/awstats/awstats.conf")
        .read_text()
        .replace("/usr/share/awstats", f"{home}/usr/share/awstats")
    )
    more = f'LogFile="{home}/log"\nDirData="{home}/data"\nSiteDomain="example.org"\n'
    (home / "data").mkdir()
    (home / "log").write_text("")
    config = "".join(line for line in config.splitlines(True) if not line.startswith(("Include", "LogFile")))
    (home / "etc/awstats/awstats.test.conf").write_text(config + more)
    program.serve(AWSTATS)
    status, body = program.get(f"/cgi-bin/awstats.pl?config=test&configdir={home}/etc/awstats")
    assert (status, b"Statistics for" in body) == (200, True), body
    assert program.get("/awstats-icon/other/vh.png")[0] == 200


# Nagios' sample-config/httpd.conf, as its documentation has it installed.
NAGIOS = """
DocumentRoot "{root}"
SetEnv NAGIOS_CGI_CONFIG {home}/cgi.cfg
ScriptAlias /nagios/cgi-bin "{home}/usr/lib/cgi-bin/nagios4"
<Directory "{home}/usr/lib/cgi-bin/nagios4">
   Options ExecCGI
   AllowOverride None
   <IfVersion >= 2.3>
      <RequireAll>
         Require all granted
         AuthName "Nagios Access"
         AuthType Basic
         AuthUserFile {home}/users
         Require valid-user
      </RequireAll>
   </IfVersion>
   <IfVersion < 2.3>
      Order allow,deny
      Allow from all
      AuthName "Nagios Access"
      AuthType Basic
      AuthUserFile {home}/users
      Require valid-user
   </IfVersion>
</Directory>
Alias /nagios "{home}/usr/share/nagios4/htdocs"
"""


def test_nagios(program: Program) -> None:
    pytest.importorskip("passlib")
    program.debian("nagios4-cgi")
    (program.home / "cgi.cfg").write_text("use_authentication=1\nmain_config_file=/nonexistent\n")
    program.serve(NAGIOS)
    assert program.get("/nagios/cgi-bin/status.cgi")[0] == 401
    status, body = program.get("/nagios/cgi-bin/status.cgi?host=all", LOGIN)
    assert (status, b"<title>" in body.lower()) == (200, True), body
    assert program.get("/nagios/cgi-bin/showlog.cgi", LOGIN)[0] == 200


# TracCgi in Trac's own wiki.
TRAC = """
DocumentRoot "{root}"
ScriptAlias /trac "{home}/deployed/cgi-bin/trac.cgi"
<Location "/trac">
    SetEnv TRAC_ENV "{home}/project"
    SetEnv PYTHONPATH "{home}/lib"
</Location>
Alias /chrome/ "{home}/deployed/htdocs/"
<Location "/trac/login">
    AuthType Basic
    AuthName "MyCompany Trac Server"
    AuthUserFile {home}/users
    Require valid-user
</Location>
"""


def test_trac(program: Program) -> None:
    pytest.importorskip("passlib")
    if not os.environ.get("PROGRAMS"):
        pytest.skip("it takes long: PROGRAMS=1 tries it")
    program.pypi("Trac", "setuptools<80")
    home = program.home
    variables = host_environ(PYTHONPATH=str(home / "lib"), PYTHONDONTWRITEBYTECODE="1")
    for words in (["initenv", "Songs", "sqlite:db/trac.db"], ["deploy", str(home / "deployed")]):
        command = [sys.executable, "-m", "trac.admin.console", str(home / "project"), *words]
        subprocess.run(command, env=variables, cwd=home, check=True, capture_output=True, timeout=60)
    (home / "deployed/cgi-bin/trac.cgi").chmod(0o755)
    program.serve(TRAC)
    status, body = program.get("/trac")
    assert (status, b"Songs" in body) == (200, True), body
    assert b"WikiStart" in program.get("/trac/wiki")[1]
    assert program.get("/trac/login")[0] == 401
    assert program.get("/trac/login", LOGIN)[0] == 302
    assert program.get("/chrome/common/css/trac.css")[0] == 200
