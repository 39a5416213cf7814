"""What Apache's configuration says of a directory that is looked through."""

from __future__ import annotations

import os
from urllib.parse import quote_from_bytes

from cgicompat.apache import directives
from cgicompat.apache.access import Facts
from cgicompat.apache.reading import Mistake
from cgicompat.apache.rows import Finding
from cgicompat.apache.site import Lookup, obeyed
from cgicompat.config import Settings
from cgicompat.routing import Route, Router, Script

__all__ = ["Configuration", "Finding"]


class Configuration:
    """The configuration of the directory that `settings` serve; `findings` has what became of each directive
    that was met so far. The server's file is left aside where it has a mistake."""

    def __init__(self, settings: Settings) -> None:
        self.findings: list[Finding] = []
        self._settings = settings
        self._router = Router(settings)
        self._top = settings.directory.rstrip("/") or "/"
        self._host = settings.server_name or ""
        conf = settings.apache_conf
        try:
            if conf:
                directives.server(conf, dict.fromkeys(settings.define, ""), self.findings)
            self._apache = obeyed(settings, lambda line: None, self._router.alias)
        except Mistake as mistake:
            if not any(one.kind == "refused" for one in self.findings):
                self.findings.append(directives.found(mistake, conf or ""))
            self._apache = obeyed(settings.but(apache_conf=None), lambda line: None, self._router.alias)

    def places(self) -> list[tuple[str, str]]:
        """URL path, without a slash at its end, and absolute path of what can be asked for: the directory
        that is served first."""
        aliases = self._apache.aliases if self._apache else []
        plain = [one for one in aliases if one.find is None]
        return [("", self._top), *((one.said.rstrip("/"), one.target.rstrip("/")) for one in plain)]

    def enter(self, folder: str) -> None:
        """Reads the .htaccess of a directory, if it has one that is obeyed."""
        for file, allowed in self._apache.htaccess(folder) if self._apache else ():
            if os.path.lexists(file):
                self.findings += directives.examined(file, allowed)

    def route(self, path: str) -> Route:
        """Where a URL path, decoded, leads."""
        return self._router.route(quote_from_bytes(os.fsencode(path)), self._look(path))

    def bars(self, script: Script) -> str:
        """What keeps a script from everybody, or nothing."""
        lookup = self._look(script.script_name)
        runs = not self._router.in_cgi_bin(script.filename)
        found = lookup.bars(script.filename, runs) if lookup else None
        return f"answered with {found.status} ({found.reason.partition(': ')[0]})" if found else ""

    def settings_for(self, script: Script) -> Settings:
        """The settings, with what SetEnv says for a script (its PYTHONPATH, say)."""
        lookup = self._look(script.script_name)
        more = lookup.variables(script.filename) if lookup else {}
        return self._settings.but(env={**more, **self._settings.env}) if more else self._settings

    def _look(self, url: str) -> Lookup | None:
        return self._apache.look(lambda: self._facts(url), served=True) if self._apache else None

    def _facts(self, url: str) -> Facts:
        return Facts(
            method="GET",
            url=url,
            host=self._host.lower(),
            authority=self._host,
            secure=False,
            client="",
            server="",
            protocol="HTTP/1.1",
            header=lambda name: "",
        )
