"""The configuration of a running server, read anew when its file has changed, and as a service at SIGHUP.

What is under way finishes by the former settings, with the former pool. A configuration that is wrong changes
nothing but the error log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cgicompat.apache.reading import Mistake
from cgicompat.config import FILE_NAME, Settings
from cgicompat.modules import signature

if TYPE_CHECKING:
    from cgicompat.gateways.asgi import CGI

log = logging.getLogger("cgicompat.error")

_SECONDS = 1.0  # between two looks at the file
# What holds for as long as the process lives.
_AT_START = ("bind", "port", "certfile", "keyfile", "log_format", "console", "directory", "user", "group")


class Reload:
    """Keeps the settings of `app` as `read` finds them; `read` raises click.ClickException."""

    def __init__(self, app: CGI, read: Callable[[], Settings]) -> None:
        self._app = app
        self._read = read
        self._asked = asyncio.Event()
        settings = app.site.settings
        self._file = settings.config or os.path.join(settings.directory, FILE_NAME)
        self._known = self._signature()

    async def run(self) -> None:
        """Watch until cancelled."""
        if not sys.stderr.isatty() and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            # In a terminal it says that this was closed; after nohup it is to say nothing.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._asked.set)
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), _SECONDS)
            except TimeoutError:
                if self._signature() == self._known:
                    continue
            self._asked.clear()
            self._known = self._signature()
            await self._reload()

    async def _reload(self) -> None:
        former = self._app.site.settings
        try:
            settings = self._read()
        except click.ClickException as error:
            log.error("%s; not reloaded, going on with the former configuration", error.format_message())
            return
        kept = {name: getattr(former, name) for name in _AT_START}
        if waiting := [name for name in _AT_START if getattr(settings, name) != kept[name]]:
            log.warning("%s: takes effect when the server is started again", ", ".join(waiting))
        try:
            await asyncio.to_thread(self._app.use, settings.but(**kept, socket=None))
        except Mistake as error:
            log.error("%s; not reloaded, going on with the former configuration", error)
            return
        except OSError as error:
            log.error("cannot start a pool: %s; going on with the former one", error)
            return
        log.warning("reloaded")

    def _signature(self) -> tuple[int, ...] | None:
        try:
            return signature(os.stat(self._file))
        except OSError:
            return None
