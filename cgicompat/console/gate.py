"""Who may see the console: nobody but a person at this machine, with its own pages.

The server listens on loopback only, but any web site can have a browser send requests there. Against DNS
rebinding, the Host must be one of this machine; against requests from other sites, the browser's own word on
where a request comes from (Sec-Fetch-Site, Origin) must be that it is ours, and what acts needs a token that
only our pages hold.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Mapping


def is_loopback(host: str) -> bool:
    """Is it an address that only this machine can reach?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Gate:
    """For a server at `host` and `port`, both as bound."""

    def __init__(self, scheme: str, host: str, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        names = {host, "localhost", "127.0.0.1", "::1"}
        shown = {f"[{name}]" if ":" in name else name for name in names}
        self._hosts = {f"{name}:{port}" for name in shown}
        if port == (443 if scheme == "https" else 80):
            self._hosts |= shown
        self._scheme = scheme

    def refusal(self, headers: Mapping[str, str]) -> str:
        """Why a request with these headers (names in lower case) is refused, or nothing."""
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return "The console answers at an address of this machine only."
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "The console answers no requests from other sites."
        if headers.get("origin", f"{self._scheme}://{host}") != f"{self._scheme}://{host}":
            return "The console answers no requests from other sites."
        return ""

    def knows(self, token: str) -> bool:
        """Is it the token of our own forms?"""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())
