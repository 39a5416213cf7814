"""Error responses in CGI form, made where no script answered."""

from __future__ import annotations

REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Content Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def error(status: int, message: str = "", headers: tuple[str, ...] = ()) -> bytes:
    """A complete CGI response (RFC 3875 section 6) with a plain page that says what went wrong."""
    reason = REASONS.get(status)
    if reason is None:
        from cgicompat.response import phrase

        reason = phrase(status)
    text = f"{status} {reason}\n" + (f"\n{message}\n" if message else "")
    body = text.encode("utf-8", "replace")
    lines = [
        f"Status: {status} {reason}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def traceback(text: str, *, begun: bool) -> bytes:
    """A traceback to show in the page (`--debug`): a whole response, or the end of one that has begun."""
    if not begun:
        return error(500, text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return f"\n<pre>\n{text}</pre>\n".encode("utf-8", "replace")
