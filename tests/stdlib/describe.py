"""Says in JSON what a `cgi` module makes of a request, so that two of them can be compared.

Run as a program by another interpreter it does so for the `cgi` that this interpreter has: a request a line
in, an answer a line out. It therefore imports nothing but the standard library.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

Request = dict[str, Any]  # "environ", "body" (bytes as latin-1 text), "options" for FieldStorage, "call"


def describe(cgi: Any, request: Request) -> Any:
    """Return what `cgi` makes of `request`: a form, a dictionary, or an exception."""
    body = io.BytesIO(request["body"].encode("latin-1"))
    environ = dict(request["environ"])
    try:
        if request["call"] == "parse_header":
            return list(cgi.parse_header(request["body"]))
        if request["call"] == "parse":
            fields = cgi.parse(body, environ, **request["options"])
            return [
                sorted((repr(name), repr(values)) for name, values in fields.items()),
                environ["QUERY_STRING"],
            ]
        form = cgi.FieldStorage(body, environ=environ, **request["options"])
        try:
            return _field(form)
        finally:
            _close(form)
    except Exception as error:
        builtin = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return {"error": builtin.__name__, "message": str(error)}


def _field(field: Any) -> Any:
    value = field.value
    if isinstance(value, list):
        value = [_field(item) for item in value]
    elif isinstance(value, bytes):
        value = {"bytes": value.decode("latin-1")}
    described = {
        "name": field.name,
        "filename": field.filename,
        "value": value,
        "class": type(field).__name__,
    }
    if described["class"] == "FieldStorage":
        for name in (
            "type",
            "type_options",
            "disposition",
            "disposition_options",
            "done",
            "bytes_read",
            "length",
        ):
            described[name] = getattr(field, name)
        described["limit"] = field.limit
        described["headers"] = [list(header) for header in field.headers.items()]
        if field.list is not None:
            described["keys"] = sorted(map(repr, field.keys()))
            described["values"] = {repr(name): len(field.getlist(name)) for name in field}
    return described


def _close(field: Any) -> None:
    if getattr(field, "file", None):
        field.file.close()
    for item in getattr(field, "list", None) or ():
        _close(item)


if __name__ == "__main__":
    import cgi

    for line in sys.stdin:
        print(json.dumps(describe(cgi, json.loads(line))), flush=True)
