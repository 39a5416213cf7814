"""Working copies: each run finds the files as the first one did, and what it changed in them is known.

One copy serves all runs. After a run the tree is searched for what differs, by the signatures of its files,
and that alone is made anew from the original. So what was not changed stays the same file, and a process
that lives goes on using its compiled code, as it would in production.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress

from cgicompat.compare.case import CompareError, Content

_FICLONE = 0x40049409  # ioctl_ficlone(2)
_SHOWN = 256 * 1024  # bytes of a file of which differences are shown
_Signature = tuple[int, ...]


class Copy:
    """`path`, a new directory with what is in `source`, or with nothing. `instead` names files by whose
    content, by path in the copy, the original's is replaced. Raises CompareError where it would take more
    than `limit` bytes."""

    def __init__(
        self, path: str, source: str | None, limit: int = 0, instead: dict[str, str] | None = None
    ) -> None:
        self.path = path
        self.left_out: list[str] = []  # what could not be read
        self._source = source
        self._instead = instead or {}
        os.mkdir(path, 0o700)
        if source is not None:
            _measure(source, limit, path)
            self._fill(source, "")
        self._known = dict(self._scan())

    def changes(self) -> dict[str, Content | None]:
        """What differs from the original now: by path below the copy, None for what is gone."""
        now = dict(self._scan())
        found: dict[str, Content | None] = {}
        for name, signature in now.items():
            if self._known.get(name) != signature:
                content = self._content(name)
                if content is None or not self._is_old_directory(name, content):
                    found[name] = content
        found.update((name, None) for name in self._known if name not in now)
        return found

    def restore(self) -> None:
        """Make it as the original is."""
        now = dict(self._scan())
        if now == self._known:
            return
        self._open()
        now = dict(self._scan())
        for name in sorted(now.keys() - self._known.keys(), reverse=True):
            self._remove(name)
        for name in sorted(self._known):
            if name not in now or now[name] != self._known[name]:
                self._remake(name)
        for name in sorted(self._known, reverse=True):
            self._take_times(name)
        self._known = dict(self._scan())

    def _open(self) -> None:
        """Directories that were closed to us hold more than could be seen."""
        for name in sorted(name for name, known in self._known.items() if stat.S_ISDIR(known[0])):
            if os.path.isdir(self._at(name)) and not os.path.islink(self._at(name)):
                os.chmod(self._at(name), stat.S_IMODE(self._known[name][0]))

    # Making

    def _original(self, name: str) -> str:
        assert self._source is not None
        return self._instead.get(name) or os.path.join(self._source, name)

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _fill(self, source: str, below: str) -> None:
        with os.scandir(source) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = os.path.join(below, entry.name)
                if os.path.join(source, entry.name) != self.path:
                    self._make(name)
                    if entry.is_dir(follow_symlinks=False) and os.path.isdir(self._at(name)):
                        self._fill(entry.path, name)
        self._take_times(below)

    def _make(self, name: str) -> None:
        original, path = self._original(name), self._at(name)
        about = os.lstat(original)
        try:
            if stat.S_ISLNK(about.st_mode):
                os.symlink(os.readlink(original), path)
            elif stat.S_ISDIR(about.st_mode):
                os.listdir(original)
                os.mkdir(path)
            elif stat.S_ISREG(about.st_mode):
                _copy(original, path)
            elif stat.S_ISFIFO(about.st_mode):
                os.mkfifo(path)
            else:
                return  # a socket or a device
        except PermissionError:
            self.left_out.append(name)
            return
        if os.geteuid() == 0:
            os.lchown(path, about.st_uid, about.st_gid)
        shutil.copystat(original, path, follow_symlinks=False)

    def _take_times(self, name: str) -> None:
        """Directories lastly, since making what is in them changes their times."""
        if self._source is not None and not os.path.islink(self._at(name)) and os.path.isdir(self._at(name)):
            shutil.copystat(self._original(name), self._at(name))

    def _remake(self, name: str) -> None:
        path = self._at(name)
        if os.path.isdir(path) and not os.path.islink(path):
            if stat.S_ISDIR(self._known[name][0]):
                return  # it is open again, and its times come last
            remove(path)
        elif os.path.lexists(path):
            os.unlink(path)
        self._make(name)

    def _remove(self, name: str) -> None:
        path = self._at(name)
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                remove(path)
            else:
                os.unlink(path)
        except OSError:
            pass  # gone with its directory

    # Looking

    def _scan(self, below: str = "") -> Iterator[tuple[str, _Signature]]:
        """Names and signatures of all but what Python compiles."""
        try:
            entries = list(os.scandir(self._at(below)))
        except OSError:
            return
        for entry in entries:
            if entry.name == "__pycache__" or entry.name.endswith(".pyc"):
                continue
            name = os.path.join(below, entry.name)
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(about.st_mode):
                yield name, (about.st_mode, about.st_ino)
                yield from self._scan(name)
            else:
                times = (about.st_mtime_ns, about.st_ctime_ns)
                yield name, (about.st_mode, about.st_ino, about.st_size, *times)

    def _content(self, name: str) -> Content | None:
        path = self._at(name)
        try:
            about = os.lstat(path)
            mode = stat.S_IMODE(about.st_mode)
            if stat.S_ISLNK(about.st_mode):
                target = os.fsencode(os.readlink(path))
                return Content("link", mode, len(target), _digest(target), target)
            if stat.S_ISDIR(about.st_mode):
                return Content("directory", mode, 0, "", b"")
            if not stat.S_ISREG(about.st_mode):
                return Content("special file", mode, 0, "", b"")
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                data = file.read(_SHOWN) if about.st_size <= _SHOWN else None
            return Content("file", mode, about.st_size, digest, data)
        except OSError:
            return None

    def _is_old_directory(self, name: str, content: Content) -> bool:
        known = self._known.get(name)
        return content.kind == "directory" and known is not None and stat.S_IMODE(known[0]) == content.mode


def remove(directory: str) -> None:
    """Removes a directory, as far as possible, also where a script has closed it, or parts of it, to us."""
    with suppress(OSError):
        os.chmod(directory, stat.S_IRWXU)
        for folder, names, _ in os.walk(directory):
            for path in (os.path.join(folder, name) for name in names):
                if not os.path.islink(path):
                    os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(directory, ignore_errors=True)


def _measure(source: str, limit: int, leave_out: str) -> None:
    total = 0
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if os.path.join(folder, name) != leave_out]
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                pass
        if total > limit:
            raise CompareError(
                f"{source} has more than {limit >> 20} MB, and each run works on a copy of it. "
                "--directory DIR names a smaller part, --copy-limit SIZE allows more, "
                "--in-place runs the scripts on the files themselves"
            )


def _copy(original: str, path: str) -> None:
    """By reference where the file system can do that (Btrfs, XFS), else byte by byte."""
    with open(original, "rb") as source, open(path, "xb") as target:
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError:
            shutil.copyfileobj(source, target, 1 << 20)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
