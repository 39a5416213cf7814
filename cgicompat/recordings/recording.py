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
import time
from typing import Any

from cgicompat import __version__
from cgicompat.response import BadResponse, Head, Parser

FORMAT = "cgicompat recording 1"
ENDING = ".json"
KEPT = 1024 * 1024  # bytes of a body
MASK = "(masked)"

# Variables that let somebody in; a name is enough to tell, and one masked in vain does little harm.
_SECRET = re.compile(r"AUTHORIZATION|COOKIE|PASSW|SECRET|TOKEN|API_?KEY|CREDENTIAL|SESSION")
_COOKIE = re.compile(r"=[^;]*")
_SECRET_HEADER = re.compile(
    rb"^(set-cookie[ \t]*:[^=\r\n]*=|[\w-]*(?:authorization|secret|token|api-?key)[\w-]*[ \t]*:)[^;\r\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class RecordingError(Exception):
    """A file is no recording, or does not hold enough to be replayed; the message names the file."""


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
            data = "".join(value["text"]).encode()
        else:
            data = base64.b64decode(value["base64"], validate=True)
        blob = cls(data, int(value["size"]), value.get("sha256_of_the_rest", ""))
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
        return f"{self.environ.get('REQUEST_METHOD', 'GET')} {uri}"

    def head(self) -> Head | None:
        """Status and headers of the response; None where the script gave none that is valid."""
        parser = Parser(nph=os.path.basename(self.script).startswith("nph-"))
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
        """Take the secrets out: of variables and headers by their names, of cookies the values."""
        masked = []
        for name, value in self.environ.items():
            if value and _SECRET.search(name):
                cookies = name == "HTTP_COOKIE" and "=" in value
                self.environ[name] = _COOKIE.sub(f"={MASK}", value) if cookies else MASK
                masked.append(name)
        data = mask_head(self.output.data)
        if data != self.output.data:
            masked.append("response headers")
            hidden = len(self.output.data) - len(data)
            self.output = Blob(data, self.output.size - hidden, self.output.rest)
        self.masked = tuple(masked)

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
        """What dumps() wrote. Raises RecordingError."""
        try:
            document = json.loads(data)
            if document["format"] != FORMAT:
                raise RecordingError(f"{path}: made by another version: format {document['format']!r}")
            return cls(
                script=_checked(document["script"], str),
                environ={name: _checked(text, str) for name, text in document["environ"].items()},
                sent=Blob.restore(document["body"]),
                output=Blob.restore(document["output"]),
                errors=Blob.restore(document["errors"]),
                runner=_checked(document["runner"], str),
                status=None if document["status"] is None else int(document["status"]),
                time=_read(document["time"]),
                seconds=float(document["seconds"]),
                client_gone=bool(document["client_gone"]),
                masked=tuple(document["masked"]),
                software=_checked(document["software"], str),
                path=path,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}".splitlines()[0]
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
            with open(path, "rb") as file:
                return cls.loads(file.read(), path)
        except OSError as error:
            raise RecordingError(f"{path}: {error.strerror}") from None


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


def mask_head(output: bytes) -> bytes:
    """A script's output with the values of cookies and other secrets in its headers masked."""
    end = _HEAD_END.search(output)
    stop = end.start() if end else len(output)
    return _SECRET_HEADER.sub(rb"\1" + MASK.encode(), output[:stop]) + output[stop:]


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


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value
