"""Request bodies: received whole before a worker is asked for, so that no slow client holds one."""

from __future__ import annotations

import tempfile
from typing import IO

MEMORY = 1024 * 1024


class Body:
    """Bytes to be sent later: in memory, or from MEMORY bytes on in a temporary file without a name.

    Adding is instant; `flush`, `rewind`, `read` and `close` may wait for the disk where `on_disk`.
    """

    def __init__(self) -> None:
        self.size = 0
        self._held: list[bytes] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    @property
    def on_disk(self) -> bool:
        return self._file is not None

    def add(self, data: bytes) -> bool:
        """Appends `data`. True says that it is time to flush."""
        self._held.append(data)
        self._bytes += len(data)
        self.size += len(data)
        return self._bytes >= MEMORY

    def flush(self) -> None:
        """Moves to disk what is in memory. Raises OSError."""
        self._file = self._file or tempfile.TemporaryFile()
        self._file.write(b"".join(self._held))
        self._held.clear()
        self._bytes = 0

    def rewind(self) -> None:
        """Makes ready to read from the start. Raises OSError."""
        if self._file:
            self.flush()
            self._file.seek(0)

    def read(self) -> bytes:
        """The next piece, up to MEMORY bytes; none at the end. Raises OSError."""
        if self._file:
            return self._file.read(MEMORY)
        data = b"".join(self._held)
        self._held.clear()
        return data

    def close(self) -> None:
        """Frees memory and disk, which leaves an empty body."""
        self.size = self._bytes = 0
        self._held.clear()
        if self._file:
            self._file.close()
            self._file = None
