"""Recordings: a request and what its script answered, as one small JSON file to read and to replay.

What is text stands there as lines of text, other bytes in base64; of a long body the first part, with the
true length and a hash of the rest. Secrets are masked before anything is written. Names of files sort by
time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
import time
from types import UnionType
from typing import Any

from cgicompat import __version__
from cgicompat.recordings.masking import Masking
from cgicompat.response import BadResponse, Head, Parser, is_nph

FORMAT = "cgicompat recording 1"
ENDING = ".json"
KEPT = 1024 * 1024  # bytes of a body
_LARGEST = 16 * 1024 * 1024  # bytes of a file: two such, each byte written as \u0000, and the rest


class RecordingError(Exception):
    """A file is no recording, or does not hold enough to be replayed. The message names the file, and drives
    no terminal."""

    def __init__(self, message: str) -> None:
        super().__init__(_plain(message))


class Blob:
    """Bytes of which perhaps only the first are kept: `data` of `size` bytes; `rest` is the SHA-256 of those
    beyond, in hexadecimal, empty where there are none."""

    __slots__ = ("data", "rest", "size")

    def __init__(self, data: bytes, size: int | None = None, rest: str = "") -> None:
        self.data = data
        self.size = len(data) if size is None else size
        self.rest = rest

    @property
    def whole(self) -> bool:
        return self.size == len(self.data)

    def same(self, data: bytes) -> bool:
        """Whether `data` is what was recorded."""
        if self.whole:
            return data == self.data
        kept = len(self.data)
        return len(data) == self.size and data[:kept] == self.data and digest(data[kept:]) == self.rest

    def dump(self) -> dict[str, object]:
        """As JSON can hold it."""
        result: dict[str, object] = {"size": self.size}
        try:
            result["text"] = re.findall(r"[^\n]*\n|[^\n]+", self.data.decode())
        except UnicodeDecodeError:
            result["base64"] = base64.b64encode(self.data).decode()
        if not self.whole:
            result["sha256_of_the_rest"] = self.rest
        return result

    @classmethod
    def restore(cls, value: dict[str, Any]) -> Blob:
        """What dump() made. Raises KeyError, TypeError, ValueError."""
        if "text" in value:
            data = "".join(_checked(value["text"], list)).encode()
        else:
            data = base64.b64decode(_checked(value["base64"], str), validate=True)
        blob = cls(data, _number(value["size"]), _checked(value.get("sha256_of_the_rest", ""), str))
        if blob.size < len(data) or blob.whole is bool(blob.rest):
            raise ValueError(f"size {blob.size} does not fit")
        return blob


class Recording:
    """One request, and what became of it.

    `environ` has the request's variables without those of the host; `sent` is its body; `output` is what the
    script printed, `errors` what it wrote to stderr. `status` is its exit status, 128 + N where signal N
    ended it, None if that is not known. `time` is in seconds since the epoch, `seconds` how long the run
    took. `client_gone` tells that the client left before the end. `masked` are the names of what is not
    shown. `path` is the file it was loaded from.
    """

    def __init__(
        self,
        *,
        script: str,
        environ: dict[str, str],
        sent: Blob,
        output: Blob,
        errors: Blob,
        runner: str,
        status: int | None,
        time: float,
        seconds: float,
        client_gone: bool = False,
        masked: tuple[str, ...] = (),
        software: str = f"cgicompat/{__version__}",
        path: str = "",
    ) -> None:
        self.script = script
        self.environ = environ
        self.sent = sent
        self.output = output
        self.errors = errors
        self.runner = runner
        self.status = status
        self.time = time
        self.seconds = seconds
        self.client_gone = client_gone
        self.masked = masked
        self.software = software
        self.path = path

    @property
    def body(self) -> bytes:
        """The body of the request. Raises RecordingError where it was too long to be kept."""
        if not self.sent.whole:
            kept, size = len(self.sent.data), self.sent.size
            raise RecordingError(f"{self.path}: only {kept} of {size} bytes of the request's body were kept")
        return self.sent.data

    @property
    def directory(self) -> str:
        """The directory that was served (DOCUMENT_ROOT), else that of the script."""
        root = self.environ.get("DOCUMENT_ROOT", "").rstrip("/")
        return root if root and self.script.startswith(root + "/") else os.path.dirname(self.script)

    @property
    def label(self) -> str:
        """The request in a few words."""
        uri = self.environ.get("REQUEST_URI") or self.environ.get("SCRIPT_NAME", self.script)
        return _plain(f"{self.environ.get('REQUEST_METHOD', 'GET')} {uri}")

    def head(self) -> Head | None:
        """Status and headers of the response; None where the script gave none that is valid."""
        parser = Parser(nph=is_nph(self.script))
        try:
            parser.feed(self.output.data)
        except BadResponse:
            return None
        return parser.head

    @property
    def failed(self) -> bool:
        """Was it a failure: exit status other than 0, no valid head, or an HTTP status from 500 on? Whom the
        client has left does not count."""
        if self.client_gone:
            return False
        head = self.head()
        return self.status not in (0, None) or head is None or head.status >= 500

    def mask(self) -> None:
        """Take the secrets out: see masking."""
        masking, given = Masking(), dict(self.environ)
        masking.variables(self.environ)
        sent = masking.body(self.sent.data, self.environ.get("CONTENT_TYPE", ""))
        output = masking.head(self.output.data)
        masked = ["response headers"] if output != self.output.data else []
        for what, name, data in (
            ("fields of the body", "sent", sent),
            ("output", "output", output),
            ("stderr", "errors", self.errors.data),
        ):
            blob: Blob = getattr(self, name)
            new = masking.everywhere(data)
            if new != (output if what == "output" else blob.data):
                masked.append(what)
            setattr(self, name, Blob(new, blob.size + len(new) - len(blob.data), blob.rest))
        for name, value in self.environ.items():
            data = masking.everywhere(value.encode("utf-8", "surrogateescape"))
            self.environ[name] = data.decode("utf-8", "surrogateescape")
        if self.environ.get("CONTENT_LENGTH"):
            self.environ["CONTENT_LENGTH"] = str(self.sent.size)
        changed = (name for name, value in given.items() if self.environ[name] != value)
        self.masked = (*(name for name in changed if name != "CONTENT_LENGTH"), *masked)

    def dumps(self) -> bytes:
        """The content of the file."""
        document = {
            "format": FORMAT,
            "time": _written(self.time),
            "script": self.script,
            "runner": self.runner,
            "status": self.status,
            "seconds": round(self.seconds, 6),
            "client_gone": self.client_gone,
            "software": self.software,
            "masked": self.masked,
            "environ": self.environ,
            "body": self.sent.dump(),
            "output": self.output.dump(),
            "errors": self.errors.dump(),
        }
        try:
            return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:  # a variable with bytes that are not UTF-8
            return json.dumps(document, indent=1).encode() + b"\n"

    @classmethod
    def loads(cls, data: bytes, path: str = "") -> Recording:
        """What dumps() wrote; each field may be anything. Raises RecordingError."""
        try:
            document = json.loads(data)
            if document["format"] != FORMAT:
                raise RecordingError(
                    f"{path}: made by another version: format {str(document['format'])[:40]!r}"
                )
            return cls(
                script=_text(document["script"]),
                environ=_variables(document["environ"]),
                sent=Blob.restore(document["body"]),
                output=Blob.restore(document["output"]),
                errors=Blob.restore(document["errors"]),
                runner=_text(document["runner"]),
                status=None if document["status"] is None else _number(document["status"]),
                time=_read(_text(document["time"])),
                seconds=float(_checked(document["seconds"], float | int)),
                client_gone=_checked(document["client_gone"], bool),
                masked=tuple(map(_text, _checked(document["masked"], list))),
                software=_text(document["software"]),
                path=path,
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise RecordingError(f"{path}: not a recording of a request ({what})") from None

    def save(self, directory: str) -> str:
        """Write it to a new file in `directory`, for our user alone. Returns the path. Raises OSError."""
        head = self.head()
        name = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(self.script))[:40]
        stamp = _written(self.time).replace("-", "").replace(":", "").removesuffix("Z")
        path = os.path.join(directory, f"{stamp}-{head.status if head else 500}-{name}-{os.getpid()}{ENDING}")
        temporary = os.path.join(directory, f".{os.path.basename(path)}")
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with open(fd, "wb") as file:
                file.write(self.dumps())
            os.rename(temporary, path)
        except OSError:
            _remove(temporary)
            raise
        self.path = path
        return path

    @classmethod
    def load(cls, path: str) -> Recording:
        """The recording in a file. Raises RecordingError."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe of that name must not block us
            with open(fd, "rb") as file:
                about = os.fstat(fd)
                if not stat.S_ISREG(about.st_mode):
                    raise RecordingError(f"{path}: not a file")
                if about.st_size > _LARGEST:
                    raise RecordingError(f"{path}: {about.st_size} bytes are too many for a recording")
                return cls.loads(file.read(_LARGEST), path)
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}") from None
        except ValueError as error:  # NUL in the name, say
            raise RecordingError(f"{path!r}: {error}") from None


def load_all(path: str) -> list[Recording]:
    """The recording in a file, or all those in a directory, oldest first. Raises RecordingError."""
    if not os.path.isdir(path):
        return [Recording.load(path)]
    found = [Recording.load(os.path.join(path, name)) for name in _names(path)]
    if not found:
        raise RecordingError(f"{path}: there are no recordings in this directory")
    return found


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def make_directory(path: str) -> None:
    """A directory for recordings, closed to others where it is new. Raises OSError."""
    if not os.path.isdir(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mkdir(path, 0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(13, os.strerror(13), path)


def prune(directory: str, limit: int) -> None:
    """Remove the oldest recordings until all together have `limit` bytes at most."""
    sizes = []
    for name in _names(directory):
        try:
            sizes.append((os.stat(os.path.join(directory, name)).st_blocks * 512, name))
        except OSError:
            pass  # somebody else has removed it
    excess = sum(size for size, _ in sizes) - limit
    for size, name in sizes:
        if excess <= 0:
            break
        _remove(os.path.join(directory, name))
        excess -= size


def _plain(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _names(directory: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except OSError as error:
        raise RecordingError(f"{directory}: {error.strerror}") from None
    return sorted(name for name in names if name.endswith(ENDING) and not name.startswith("."))


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _written(moment: float) -> str:
    """RFC 3339, UTC, to the microsecond."""
    whole, fraction = divmod(round(moment * 1e6), 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{fraction:06d}Z"


def _read(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


# Checks of what a file holds. Each raises TypeError or ValueError.


def _checked(value: Any, kind: type | UnionType) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{str(value)[:40]!r} is a {type(value).__name__}")
    return value


def _text(value: Any) -> str:
    text: str = _checked(value, str)
    if "\0" in text:
        raise ValueError(f"NUL in {text[:40]!r}")
    text.encode("utf-8", "surrogateescape")
    return text


def _number(value: Any) -> int:
    number: int = _checked(value, int)
    if not 0 <= number < 1 << 63:
        raise ValueError(f"{str(number)[:40]} is out of range")
    return number


def _variables(value: Any) -> dict[str, str]:
    environ = {_text(name): _text(text) for name, text in _checked(value, dict).items()}
    if any("=" in name or not name for name in environ):
        raise ValueError("a variable with a name that cannot be one")
    return environ
