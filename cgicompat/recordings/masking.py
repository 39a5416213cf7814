"""What is secret in a request and its answer, and how it is taken out.

A name tells what is secret, in any spelling: that of a variable, of a header, of a field in a query, a form
or JSON. The whole value goes. Where it is long enough to be no accident it goes from everywhere else too, so
that nothing gives it away that the script has printed or logged.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from contextlib import suppress
from urllib.parse import unquote_plus

MASK = "(masked)"

_MASK = MASK.encode()
# One word of these in a name is enough to tell; a value that is masked in vain does little harm.
_WORDS = re.compile(
    r"auth(?!or(?!i[sz]))|cookie|passw|passwd|passphrase|passcode|pwd|secret|token|sess(?:ion)?id|session"
    r"|credential|csrf|xsrf|jwt|bearer|saml|signature|apikey"
)
_WHOLE = re.compile(r"(?:^|[^a-z0-9])(?:[a-z0-9]*key|pass|pw|sid|pin|otp|sig|nonce)(?:$|[^a-z0-9])")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# They say how, and not what; the last is the web server's name.
_HARMLESS = {"auth_type", "www_authenticate", "proxy_authenticate", "server_signature"}

_EVIDENT = 8  # characters of a value that, met elsewhere, is the same value
_MOST = 100  # values that are looked for elsewhere
_PART_HEAD = 4096  # bytes of the head of a part in which it has its name
_ATTRIBUTE_LENGTH = 200
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(rb"^([^:\r\n]+):([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.MULTILINE)
_FIELD = re.compile(r"(?:^|(?<=[?&;#\s]))([^?&;=#\s]+)=")
_FIELD_END = re.compile(r"[&#\r\n]")
_PIECE_END = re.compile(r"[?&;#\s]")
_ATTRIBUTE = re.compile(
    r"(?:path|domain|max-age|samesite|version|priority)\s*=[^=,]*|expires\s*=[\w, :+-]*"
    r"|secure|httponly|partitioned|discard",
    re.IGNORECASE,
)
_JSON_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"?(\s*:\s*)?', re.DOTALL)
_PART_NAME = re.compile(rb'\bname\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether the value of what is called `name` is to be masked."""
    plain = _CAMEL.sub("_", name).lower().replace("-", "_").removeprefix("http_")
    if plain in _HARMLESS:
        return False
    return bool(_WORDS.search(plain.replace("_", "")) or _WHOLE.search(plain.replace("_", " ")))


class Masking:
    """Masks one request and its answer; `found` are the values that were taken out."""

    def __init__(self) -> None:
        self.found: set[bytes] = set()

    def variables(self, environ: dict[str, str]) -> list[str]:
        """Mask the variables of a request in place; the names of those that had to be."""
        masked = []
        for name, value in environ.items():
            if name.endswith(("HTTP_COOKIE", "HTTP_COOKIE2")):
                new = self._cookies(value)
            elif value and is_secret(name):
                new = self._hide(value)
            else:
                new = self.fields(value)
            if new != value:
                environ[name] = new
                masked.append(name)
        return masked

    def body(self, data: bytes, content_type: str) -> bytes:
        """The body of a request with the secret fields of forms and JSON masked."""
        kind = content_type.partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            return self._multipart(data, content_type)
        if kind in ("", "application/x-www-form-urlencoded", "text/plain"):
            return _encoded(self.fields(_decoded(data)))
        if kind.endswith("json"):
            return _encoded(self._json(_decoded(data)))
        return data

    def head(self, output: bytes) -> bytes:
        """A script's output with the secrets of its headers masked."""
        end = _HEAD_END.search(output)
        stop = end.start() if end else len(output)
        return _HEADER.sub(self._header, output[:stop]) + output[stop:]

    def everywhere(self, data: bytes) -> bytes:
        """`data` without the values that were taken out elsewhere."""
        for value in sorted(self.found, key=len, reverse=True):
            data = data.replace(value, _MASK)
        return data

    def fields(self, text: str, depth: int = 3) -> str:
        """A query, a URL that may have one, or a form, with its secret fields masked; so are fields that have
        such a query for a value, `depth` times encoded."""
        parts, at = [], 0
        for found in _FIELD.finditer(text):
            if found.start() < at:
                continue
            secret = is_secret(unquote_plus(found[1]))
            end = (_FIELD_END if secret else _PIECE_END).search(text, found.end())
            stop = end.start() if end else len(text)
            value = text[found.end() : stop]
            if secret or (depth and self._has_fields(value, depth)):
                parts += [text[at : found.end()], self._hide(value)]
                at = stop
        return "".join(parts) + text[at:]

    def _has_fields(self, value: str, depth: int) -> bool:
        decoded = unquote_plus(value, errors="surrogateescape") if "%" in value else value
        return decoded != value and self.fields(decoded, depth - 1) != decoded

    def _hide(self, value: str) -> str:
        value = value.strip()
        credentials = value.partition(" ")[2]  # after Basic, Bearer, ...
        decoded = unquote_plus(value, errors="surrogateescape")
        for form in (value, decoded, value.strip("\"'"), credentials, _password(credentials)):
            if len(form) >= _EVIDENT and MASK not in form and len(self.found) < _MOST:
                with suppress(UnicodeEncodeError):  # half a character, from JSON
                    self.found.add(_encoded(form))
        return MASK if value else value

    def _cookies(self, value: str) -> str:
        """A Cookie header: of each cookie the value, and all that has no name."""
        masked = []
        for cookie in value.split(";"):
            name, equals, secret = cookie.partition("=")
            masked.append(f"{name}={self._hide(secret)}" if equals else self._bare(cookie))
        return ";".join(masked)

    def _bare(self, text: str) -> str:
        space = text[: len(text) - len(text.lstrip())]
        return space + self._hide(text)

    def _header(self, found: re.Match[bytes]) -> bytes:
        name, value = _decoded(found[1]), _decoded(found[2])
        if name.strip().lower() in ("set-cookie", "set-cookie2"):
            masked = self._set_cookie(value)
        elif is_secret(name.strip()):
            masked = self._bare(value)
        else:
            masked = self.fields(value)
        return found[1] + b":" + _encoded(masked)

    def _set_cookie(self, value: str) -> str:
        cookie, *attributes = value.split(";")
        name, equals, secret = cookie.partition("=")
        parts = [f"{name}={self._hide(secret)}" if equals else self._bare(cookie)]
        parts += [part if _is_attribute(part) else self._bare(part) for part in attributes]
        return ";".join(parts)

    def _json(self, text: str) -> str:
        parts, at = [], 0
        decode = json.JSONDecoder().raw_decode
        for found in _JSON_STRING.finditer(text):
            if found.start() < at or not found[2] or not is_secret(_unescaped(found[1])):
                continue
            try:
                value, stop = decode(text, found.end())
            except (ValueError, RecursionError):  # cut off, or no JSON: nobody knows where it ends
                value, stop = text[found.end() :], len(text)
            self._hide(value if isinstance(value, str) else text[found.end() : stop])
            parts += [text[at : found.end()], f'"{MASK}"']
            at = stop
        return "".join(parts) + text[at:]

    def _multipart(self, data: bytes, content_type: str) -> bytes:
        boundary = re.search(r'boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))', content_type, re.IGNORECASE)
        if not boundary:
            return data
        separator = b"--" + _encoded(boundary[1] or boundary[2])
        parts = data.split(separator)
        for i, part in enumerate(parts):
            end = _HEAD_END.search(part)
            name = end and _PART_NAME.search(part[: min(end.start(), _PART_HEAD)])
            if end and name and is_secret((name[1] or name[2] or b"").decode("utf-8", "replace")):
                tail = b"\r\n" if part.endswith(b"\r\n") else b""
                self._hide(_decoded(part[end.end() : len(part) - len(tail)]))
                parts[i] = part[: end.end()] + _MASK + tail
        return separator.join(parts)


def mask_head(output: bytes) -> bytes:
    """A script's output with the secrets of its headers masked."""
    return Masking().head(output)


def _is_attribute(part: str) -> bool:
    """Whether it is one of a cookie's attributes, and nothing else."""
    return len(part) < _ATTRIBUTE_LENGTH and bool(_ATTRIBUTE.fullmatch(part.strip()))


def _password(credentials: str) -> str:
    """The password in credentials of the Basic scheme (RFC 7617), or nothing."""
    try:
        return _decoded(b64decode(credentials, validate=True)).partition(":")[2]
    except ValueError:
        return ""


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _unescaped(key: str) -> str:
    try:
        return str(json.loads(f'"{key}"'))
    except ValueError:
        return key
