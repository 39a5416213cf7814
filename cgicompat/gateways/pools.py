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


class Pools:
    """Gives the address to connect to: a path, or host and port.

    Without `settings.socket` there is one private pool for each process: servers that fork after they have
    loaded us get one in every worker, and a pool whose master was killed is replaced. A `pool` that is passed
    in belongs to the caller, who closes it.
    """

    def __init__(self, settings: Settings, pool: Pool | None = None) -> None:
        self._settings = settings
        self._fixed = pool.address if pool else settings.socket
        self._own: Pool | None = None
        self._pid = 0
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether address() will not have to wait for a pool to start."""
        return bool(self._fixed) or (self._own is not None and self._pid == os.getpid() and self._own.alive())

    @property
    def pid(self) -> int | None:
        """The master's of the private pool, None where there is none."""
        return self._own.pid if self._own is not None else None

    def address(self) -> str | tuple[str, int]:
        """Where to connect. Starts the pool if there is none yet. Raises OSError where that fails."""
        if self._fixed:
            return split_address(self._fixed)
        with self._lock:
            if not self.ready:
                self._start()
            assert self._own
            return split_address(self._own.address)

    def _start(self) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            atexit.register(self.close)
        elif self._own is not None:
            self._own.close()
        self._own = Pool(self._settings)

    def close(self) -> None:
        """Ends the private pool; running requests get the grace of the settings."""
        with self._lock:
            if self._own is not None and self._pid == os.getpid():
                self._own.close()
            self._own = None
