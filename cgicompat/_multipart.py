"""multipart under a name of ours, for `cgi`: scripts do not find the package itself (see dependencies.py)."""

from __future__ import annotations

import os

from cgicompat.dependencies import hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    PushMultipartParser: Any


def _load() -> None:
    from importlib.machinery import SourceFileLoader

    for file in hidden():
        if os.path.basename(file) == "multipart.py":
            code = SourceFileLoader("multipart", file).get_code("multipart")
            assert code
            exec(code, globals())
            return
    raise ImportError("multipart is not there, or not hidden")


_load()
