"""Where a gateway finds its pool: at the configured address, or in a private one, started when needed."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from cgicompat.config import split_address
from cgicompat.pool import Pool

if TYPE_CHECKING:
    from cgicompat.config import Settings

RETRY_AFTER = ("Retry-After", "5")

Address = str | tuple[str, int]  # a path, or host and port


class Pools:
    """Gives the address to connect to: a path, or host and port.

    Without `settings.socket` there is one private pool for each process: servers that fork after they have
    loaded us get one in every worker, and a pool whose master was killed is replaced. A `pool` that is passed
    in belongs to the caller, who closes it.
    """

    def __init__(self, settings: Settings, pool: Pool | None = None) -> None:
        self._settings = settings
        fixed = pool.address if pool else settings.socket
        self._address = split_address(fixed) if fixed else None
        self._fixed = self._address is not None
        self._own: Pool | None = None
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def ready(self) -> Address | None:
        """Where to connect, None where address() would have to wait for a pool to start."""
        running = self._own is not None and self._pid == os.getpid() and self._own.alive()
        return self._address if self._fixed or running else None

    @property
    def pid(self) -> int | None:
        """The master's of the private pool, None where there is none."""
        return self._own.pid if self._own is not None else None

    def address(self) -> Address:
        """Where to connect. Starts the pool if there is none yet. Raises OSError where that fails."""
        with self._lock:
            return self.ready or self._start()

    def _start(self) -> Address:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            atexit.register(self.close)
        elif self._own is not None:
            self._own.close()
        self._own = Pool(self._settings)
        self._address = split_address(self._own.address)
        return self._address

    def close(self) -> None:
        """Ends the private pool; running requests get the grace of the settings."""
        with self._lock:
            if self._own is not None and self._pid == os.getpid():
                self._own.close()
            self._own = None
