"""Apache httpd, the real one: the reference for the contract, and a web server to stand behind.

It refuses to serve as root, so where the tests run as root it runs in a user namespace in which the same
user has another number: it may then read and execute whatever the tests may.
"""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from tests.harness.doors import HttpDoor

PROGRAM = shutil.which("apache2", path="/usr/sbin:/usr/bin") or shutil.which(
    "httpd", path="/usr/sbin:/usr/bin"
)
MODULES = "/usr/lib/apache2/modules"

COMMON = """\
ServerRoot "{home}"
PidFile "{home}/apache.pid"
Mutex file:{home}
ErrorLog /dev/stderr
ErrorLogFormat "%M"
ServerName localhost
Listen 127.0.0.1:{port}
{modules}
DocumentRoot "{root}"
TypesConfig /dev/null
<Directory "{root}">
    Require all granted
    Options +ExecCGI
    AcceptPathInfo On
</Directory>
TraceEnable Off
StartServers 1
"""

PLAIN_CGI = """\

ScriptAlias /cgi-bin/ "{root}/cgi-bin/"
<FilesMatch "^slow">
    CGIScriptTimeout 1
</FilesMatch>
<FilesMatch "^login">
    CGIPassAuth On
</FilesMatch>
SetEnv FROM_THE_CONFIGURATION yes
"""


def free_port() -> int:
    """A port that was free a moment ago, for servers that cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def not_as_root(command: list[str]) -> list[str]:
    """The command, run by a user other than root who may do the same."""
    if os.getuid():
        return command
    return ["unshare", "--user", "--map-user=33", "--map-group=33", *command]


class Apache(HttpDoor):
    """mod_cgi and the scripts as they are: what the contract is compared with."""

    name = "apache"
    modules: tuple[str, ...] = ("mpm_prefork", "authz_core", "alias", "mime", "cgi", "env")
    configuration = PLAIN_CGI

    def command(self):
        if not PROGRAM:
            pytest.skip("Apache httpd is not installed")
        port = free_port()
        modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in self.modules)
        values = {"home": self.home, "root": self.root, "port": port, "modules": modules}
        file = self.home / "httpd.conf"
        file.write_text((COMMON + self.configuration).format(**values, **self.values()))
        echo = f"http://127.0.0.1:{port} is where it listens"
        command = not_as_root([PROGRAM, "-D", "FOREGROUND", "-f", str(file)])
        return ["sh", "-c", f'echo "{echo}"; exec "$@"', "sh", *command], {}

    def values(self) -> dict[str, object]:
        """What the configuration of a subclass names besides."""
        return {}

    def start(self):
        from tests.harness.processes import until

        super().start()

        def answers() -> bool:
            assert self.server.process.poll() is None, self.server.log
            with socket.socket() as probe:
                return probe.connect_ex(self.address) == 0

        until(answers)
