"""What becomes of a file: whether it is run or sent, which file stands for a directory, what lists may show.

Sources: mod_mime (handlers by ending), server/core.c (SetHandler, Options), mod_dir, mod_autoindex.
"""

from __future__ import annotations

import os

from .merging import ADDING, FILEINFO, INDEXES, OPTIONS
from .patterns import wildcard
from .rows import Row, Scope, flag, leave_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .merging import Values

_OPTIONS = ("execcgi", "followsymlinks", "symlinksifownermatch", "includes", "includesnoexec", "indexes")
_HANDLERS = ("cgi-script", "default-handler", "none")
_MOST = 200  # of one kind of thing


class Options:
    """What Options says: all of them (`whole`, None where they are not named), and which more and fewer."""

    __slots__ = ("fewer", "more", "whole")

    def __init__(
        self,
        whole: frozenset[str] | None = None,
        more: frozenset[str] = frozenset(),
        fewer: frozenset[str] = frozenset(),
    ) -> None:
        self.whole = whole
        self.more = more
        self.fewer = fewer

    def over(self, outer: Options) -> Options:
        if self.whole is not None:
            return self
        more = outer.more - self.fewer | self.more
        return Options(outer.whole, more, outer.fewer - self.more | self.fewer)

    def has(self, name: str, default: bool) -> bool:
        """Is an option (in lower case) on, which is on by `default`?"""
        if name in self.more or name in self.fewer:
            return name in self.more
        return default if self.whole is None else name in self.whole


UNSAID = Options()


def is_script(values: Values, name: str) -> bool | None:
    """Whether a file of this name is to be run, as handlers say; None where they say nothing."""
    handler = values.get("handler", "none")
    if handler == "none":
        for ending in name.lower().split(".")[1:]:
            handler = values.get("handlers", {}).get(ending, handler)
    return None if handler == "none" else handler == "cgi-script"


def includes(values: Values, name: str) -> bool:
    """Would Apache look for server-side includes in a file of this name?"""
    options: Options = values.get("options", UNSAID)
    on = options.has("includes", False) or options.has("includesnoexec", False)
    return on and not values["includes"].isdisjoint(name.lower().split(".")[1:])


def follows(values: Values, root: str, path: str) -> bool:
    """May `path` be reached by the links that are in it below `root`?"""
    options: Options = values.get("options", UNSAID)
    if options.has("followsymlinks", True):
        return True
    owner = options.has("symlinksifownermatch", False)
    while len(path) > len(root):
        try:
            if os.path.islink(path) and not (owner and os.lstat(path).st_uid == os.stat(path).st_uid):
                return False
        except OSError:
            return False
        path = os.path.dirname(path)
    return True


def _options(scope: Scope, words: list[str]) -> None:
    signs = {word[:1] in "+-" for word in words}
    if len(signs) > 1:
        raise ValueError("either all options have a + or -, or none has")
    result: Options = scope.part.values.get("options", UNSAID)
    whole: set[str] = set()
    for word in words:
        name = word.lstrip("+-").lower()
        if name == "multiviews" and word[:1] != "-":
            if scope.server:  # as distributions have it, for their own directories
                leave_out(scope, words)
                continue
            raise ValueError("MultiViews is not known here: name files in full")
        if name not in (*_OPTIONS, "all", "none", "multiviews"):
            raise ValueError(f"`{word}` is no option")
        named = frozenset(_OPTIONS) if name == "all" else frozenset({name} - {"none"})
        if signs == {False}:
            whole = whole | named if name != "none" else set()
        else:
            one = Options(None, named) if word[0] == "+" else Options(None, frozenset(), named)
            result = one.over(result)
    scope.part.values["options"] = Options(frozenset(whole)) if signs == {False} else result


def _handler(name: str) -> str:
    if name.lower() not in _HANDLERS:
        raise ValueError(f"`{name}` is not known here; known are {', '.join(_HANDLERS)}")
    return name.lower()


def _set_handler(scope: Scope, words: list[str]) -> None:
    if words[0].lower() in ("server-status", "server-info"):  # Apache's own pages: nothing is there
        leave_out(scope, words)
    else:
        scope.part.values["handler"] = _handler(words[0])


def _add_handler(scope: Scope, words: list[str]) -> None:
    if words[0].lower() == "type-map":  # without MultiViews nobody asks for it
        leave_out(scope, words)
        return
    handler = _handler(words[0])
    _handlers(scope, words[1:], "default-handler" if handler == "none" else handler)


def _remove_handler(scope: Scope, words: list[str]) -> None:
    _handlers(scope, words, "default-handler")  # what is a script without a word from anybody is none


def _handlers(scope: Scope, endings: list[str], handler: str) -> None:
    handlers = scope.part.values.setdefault("handlers", {})
    handlers |= {ending.lower().removeprefix("."): handler for ending in endings}
    if len(handlers) > _MOST:
        raise ValueError(f"there may be {_MOST} endings")


def _directory_index(scope: Scope, words: list[str]) -> None:
    if words == ["disabled"]:
        words = []
    here = (*scope.part.values.get("directory_index", ()), *words)[:_MOST] if words else ()
    paths = ["/" in word for word in here]
    if paths != sorted(paths):
        raise ValueError("names of files in the directory have to stand before paths")
    scope.part.values["directory_index"] = here


def _directory_slash(scope: Scope, words: list[str]) -> None:
    if not flag(words[0]):
        raise ValueError("only On is known here: links in a page of a directory would lead astray")


def _index_ignore(scope: Scope, words: list[str]) -> None:
    here: tuple[Callable[[str], bool], ...] = scope.part.values.get("index_ignore", ())
    scope.part.values["index_ignore"] = (*here, *(wildcard(word, path=False) for word in words))[:_MOST]


ADDING["options"] = lambda outer, inner: inner.over(outer)
ADDING["includes"] = lambda outer, inner: outer | inner
ADDING["handlers"] = lambda outer, inner: {**outer, **inner}
ADDING["index_ignore"] = lambda outer, inner: (*outer, *inner)

ROWS = (
    Row("Options", OPTIONS, (1, None), _options),
    Row("SetHandler", FILEINFO, (1, 1), _set_handler),
    Row("AddHandler", FILEINFO, (2, None), _add_handler, "mime"),
    Row("RemoveHandler", FILEINFO, (1, None), _remove_handler, "mime"),
    Row("DirectoryIndex", INDEXES, (1, None), _directory_index, "dir"),
    Row("DirectorySlash", INDEXES, (1, 1), _directory_slash, "dir"),
    Row("IndexIgnore", INDEXES, (1, None), _index_ignore, "autoindex"),
)
