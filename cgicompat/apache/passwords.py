"""Files of users and passwords (htpasswd) and of groups. libpass knows the hashes.

Good hashes are slow by design, so what was found right is remembered, in a form that is of no use elsewhere.
"""

from __future__ import annotations

import hashlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST = 16 * 1024 * 1024  # bytes of a file
_MOST = 1000  # logins that are remembered
_SCHEMES = ("bcrypt", "apr_md5_crypt", "ldap_sha1", "sha256_crypt", "sha512_crypt", "md5_crypt", "des_crypt")
_KEY = os.urandom(32)
_context: Any = None
_files: dict[str, tuple[tuple[int, int, int], dict[str, list[str]]]] = {}
_right: dict[tuple[str, str], bytes] = {}  # hash in the file, user: what was given


class Unusable(Exception):
    """There is no way to tell whether a password is right: nobody is let in. The message says what to do."""


def verify(file: str, user: str, password: bytes) -> bool:
    """Whether `file` has `user` with this password. Raises Unusable."""
    try:
        known = _entries(file).get(user, [""])[0]
    except OSError as error:
        raise Unusable(f"AuthUserFile {file} cannot be read: {error.strerror or error}") from None
    known = known.partition(":")[0].strip()
    if not known:
        return False
    given = hashlib.blake2b(password, key=_KEY).digest()
    if _right.get((known, user)) == given:
        return True
    if not _matches(password, known):
        return False
    if len(_right) >= _MOST:
        _right.clear()
    _right[known, user] = given
    return True


def groups(file: str, user: str) -> frozenset[str]:
    """The groups of `user` in a file of lines as `group: user user`; none where it cannot be read."""
    try:
        lines = _entries(file)
    except OSError:
        return frozenset()
    return frozenset(group for group, members in lines.items() if user in " ".join(members).split())


def _matches(password: bytes, known: str) -> bool:
    global _context
    if _context is None:
        try:
            from passlib.context import CryptContext  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            raise Unusable("AuthType Basic needs libpass: pip install 'cgicompat[apache]'") from None
        _context = CryptContext(_SCHEMES)
    if known.startswith(("$2y$", "$2a$", "$2b$")):
        password = password[:72]  # all that the algorithm takes
    try:
        return bool(_context.verify(password, known))
    except (ValueError, TypeError) as error:  # no hash that is known, or a password with a zero byte
        raise Unusable(
            f"a password's hash is of no kind that is known ({error}): make it by htpasswd -B"
        ) from None


def _entries(file: str) -> dict[str, list[str]]:
    """The lines `name:rest` of a file, by name; read anew when it has changed."""
    status = os.stat(file)
    signature = (status.st_mtime_ns, status.st_size, status.st_ino)
    cached = _files.get(file)
    if cached and cached[0] == signature:
        return cached[1]
    with open(file, "rb") as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise OSError(f"larger than {_LARGEST} bytes")
    found: dict[str, list[str]] = {}
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        name, colon, rest = line.partition(":")
        if colon and name[:1] != "#":
            found.setdefault(name.strip(), []).append(rest)
    if len(_files) >= _MOST:
        _files.clear()
    _files[file] = signature, found
    return found
