"""Real web servers: Apache without us as the reference for the contract, and what stands in front of us.

Apache refuses to serve as root, so where the tests run as root it runs in a user namespace in which the same
user has another number: it may then read and execute whatever the tests may.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import ClassVar

import pytest

from tests.harness import clients
from tests.harness.doors import HttpDoor, Scgi
from tests.harness.processes import until

PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
MODULES = "/usr/lib/apache2/modules"


def free_port() -> int:
    """A port that was free a moment ago, for servers that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def not_as_root(command: list[str]) -> list[str]:
    """The command, in a user namespace with another user id where we are root."""
    if os.getuid():
        return command
    unshare = ["unshare", "--user", "--map-user=33", "--map-group=33"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("Apache does not serve as root, and there is no user namespace to be another user in")
    return [*unshare, *command]


class WebServer(HttpDoor):
    """A web server with a configuration made for the occasion, `pooled` with a pool to connect to."""

    programs: ClassVar[tuple[str, ...]]
    configuration: ClassVar[str]
    pooled: ClassVar[bool] = False
    pool: Scgi | None = None

    def start(self):
        found = [path for name in self.programs if (path := shutil.which(name, path=PATH))]
        if not found:
            pytest.skip(f"{self.programs[0]} is not installed")
        if self.pooled:
            self.pool = Scgi(self.runner, self.home, (self.root / "cgicompat.toml").read_text())
        self.program = found[0]
        self.port = free_port()
        self.file = self.home / "server.conf"
        values = {
            "home": self.home,
            "root": self.root,
            "port": self.port,
            "socket": self.pool and self.pool.socket,
            "client": self.client(),
            "clients": self.client().parent,
        }
        self.file.write_text(self.text() % values)
        super().start()

        def answers() -> bool:
            assert self.server.process.poll() is None, self.server.log
            with socket.socket() as probe:
                return probe.connect_ex(self.address) == 0

        until(answers)

    def client(self) -> Path:
        """cgicompat-cgi, for those who call it."""
        return clients.PYTHON

    def text(self) -> str:
        """The configuration, with % for what is different each time."""
        return self.configuration

    def command(self):
        echo = f"echo it listens at http://127.0.0.1:{self.port}"
        return ["sh", "-c", f'{echo}; exec "$@"', "sh", *self.arguments()], {}

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def stop(self):
        super().stop()
        if self.pool:
            self.pool.stop()

    def logs(self):
        return super().logs() + (self.pool.logs() if self.pool else [])


class Apache(WebServer):
    """mod_cgi and the scripts as they are: what the contract is compared with."""

    name = "apache"
    programs = ("apache2", "httpd")
    modules: ClassVar[tuple[str, ...]] = ("mpm_prefork", "cgi")

    common = """\
ServerRoot "%(home)s"
PidFile "%(home)s/apache.pid"
Mutex file:%(home)s
ErrorLog /dev/stderr
ErrorLogFormat "%%M"
ServerName localhost
Listen 127.0.0.1:%(port)s
DocumentRoot "%(root)s"
TypesConfig /dev/null
<Directory "%(root)s">
    Require all granted
</Directory>
TraceEnable Off
StartServers 1
"""
    configuration = """\
ScriptAlias "/cgi-bin/" "%(root)s/cgi-bin/"
<FilesMatch "^slow">
    CGIScriptTimeout 1
</FilesMatch>
<FilesMatch "^login">
    CGIPassAuth On
</FilesMatch>
SetEnv FROM_THE_CONFIGURATION yes
"""

    def text(self):
        names = (*self.modules, "authz_core", "alias", "mime", "env")
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in names)
        return modules + self.common + self.configuration

    def arguments(self):
        return not_as_root([self.program, "-D", "FOREGROUND", "-f", str(self.file)])


class ApacheAction(Apache):
    """cgicompat-cgi as the target of an Action, behind a ScriptAlias that was there before."""

    name = "apache-action"
    modules = ("mpm_prefork", "cgi", "actions")
    configuration = """\
ScriptAlias "/cgi-bin/" "%(root)s/cgi-bin/"
ScriptAlias "/cgicompat" "%(client)s"
<Directory "%(clients)s">
    Require all granted
</Directory>
<Directory "%(root)s/cgi-bin">
    Action cgicompat "/cgicompat"
    AddHandler cgicompat .py .cgi
</Directory>
"""


class ApacheActionCgid(ApacheAction):
    """The same with threads and mod_cgid, as Apache is installed today."""

    name = "apache-action-cgid"
    modules = ("mpm_event", "cgid", "actions")
    configuration = 'ScriptSock "%(home)s/cgid"\n' + ApacheAction.configuration


class ApacheActionPool(ApacheAction):
    """The same with a running pool, to which cgicompat-cgi hands the request."""

    name = "apache-action-pool"
    pooled = True
    configuration = ApacheAction.configuration + "SetEnv CGICOMPAT_SOCKET unix:%(socket)s\n"


class ApacheActionClient(ApacheActionPool):
    """The same with mod_cgid and the client in C."""

    name = "apache-action-client"
    modules = ApacheActionCgid.modules
    configuration = ApacheActionCgid.configuration + "SetEnv CGICOMPAT_SOCKET unix:%(socket)s\n"

    def client(self):
        return clients.in_c()


class ApacheScgi(Apache):
    """mod_proxy_scgi, straight to the pool."""

    name = "apache-scgi"
    pooled = True
    modules = ("mpm_event", "proxy", "proxy_scgi")
    configuration = 'ProxyPass "/cgi-bin/" "unix:%(socket)s|scgi://localhost/cgi-bin/" flushpackets=on\n'


class Nginx(WebServer):
    """scgi_pass with the variables that nginx ships in scgi_params."""

    name = "nginx"
    programs = ("nginx",)
    pooled = True
    configuration = """\
daemon off;
pid %(home)s/nginx.pid;
error_log stderr;
events { }
http {
    access_log off;
    client_body_temp_path %(home)s/nginx-body;
    scgi_temp_path %(home)s/nginx-scgi;
    proxy_temp_path %(home)s/nginx-proxy;
    fastcgi_temp_path %(home)s/nginx-fastcgi;
    uwsgi_temp_path %(home)s/nginx-uwsgi;
    client_max_body_size 1g;
    server {
        listen 127.0.0.1:%(port)s;
        root %(root)s;
        location /cgi-bin/ {
            include /etc/nginx/scgi_params;
            scgi_pass unix:%(socket)s;
            scgi_buffering off;
        }
    }
}
"""

    def text(self):
        return ("user root;\n" if os.getuid() == 0 else "") + self.configuration

    def arguments(self):
        return [self.program, "-p", str(self.home), "-c", str(self.file), "-e", "stderr"]


class Lighttpd(WebServer):
    """mod_scgi, straight to the pool."""

    name = "lighttpd"
    programs = ("lighttpd",)
    pooled = True
    configuration = """\
server.document-root = "%(root)s"
server.bind = "127.0.0.1"
server.port = %(port)s
server.upload-dirs = ( "%(home)s" )
server.modules += ( "mod_scgi" )
server.stream-response-body = 1
scgi.server = ( "/cgi-bin/" => (( "socket" => "%(socket)s", "check-local" => "disable" )) )
"""

    def arguments(self):
        return [self.program, "-D", "-f", str(self.file)]
