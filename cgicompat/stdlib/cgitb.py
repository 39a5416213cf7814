"""The `cgitb` module that left Python in 3.13: tracebacks with source lines and values, as a page or as text.

    import cgitb; cgitb.enable()

at the top of a script shows them in the browser; enable(display=0, logdir=DIR) keeps them in files of DIR and
shows only that something went wrong.

Drop-in for the one of Python 3.12, but: chained exceptions, groups and notes are shown; everything in the
page is escaped; and what the environment holds under a secret's name (HTTP_AUTHORIZATION, HTTP_COOKIE, names
with PASS, SECRET, TOKEN or KEY) is masked wherever it turns up.

How: the exceptions are collected, oldest first, as plain strings already masked (_Error, _Frame); html() and
text() only lay them out. Nothing is imported before something goes wrong, so that enable() costs nothing.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from reprlib import Repr
    from types import FrameType, TracebackType
    from typing import Any, TextIO

    ExcInfo = tuple[Any, Any, TracebackType | None]
del TYPE_CHECKING

__UNDEF__: list[None] = []  # what lookup() finds for a name that is not defined

_FRAMES = 25  # calls shown from either end of a traceback
_MASK = "********"
_SECRET_NAMES = ("PASS", "SECRET", "TOKEN", "KEY", "AUTHORIZATION", "COOKIE")


def reset() -> str:
    """Return what brings a browser back to a known state, wherever in a page or header the script had
    stopped: a complete CGI header if none was sent, a comment otherwise, then the ends of elements that hide
    text."""
    return """<!--: spam
Content-Type: text/html

<body bgcolor="#f0f0f8"><font color="#f0f0f8" size="-5"> -->
<body bgcolor="#f0f0f8"><font color="#f0f0f8" size="-5"> --> -->
</font> </font> </font> </script> </style> </textarea> </select> </object> </blockquote> </pre>
</table> </table> </table> </table> </table> </font> </font> </font>"""


def small(text: str) -> str:
    return f"<small>{text}</small>" if text else ""


def strong(text: str) -> str:
    return f"<strong>{text}</strong>" if text else ""


def grey(text: str) -> str:
    return f'<font color="#909090">{text}</font>' if text else ""


def lookup(name: str, frame: FrameType, locals: dict[str, Any]) -> tuple[str | None, Any]:
    """Return where `name` is defined as seen from a frame ("local", "global", "builtin" or None), and its
    value."""
    if name in locals:
        return "local", locals[name]
    if name in frame.f_globals:
        return "global", frame.f_globals[name]
    builtins = frame.f_globals.get("__builtins__", {})
    if not isinstance(builtins, dict):
        builtins = vars(builtins)
    if name in builtins:
        return "builtin", builtins[name]
    return None, __UNDEF__


def scanvars(
    reader: Callable[[], str], frame: FrameType, locals: dict[str, Any]
) -> list[tuple[str, str | None, Any]]:
    """Return the variables in one logical line of Python, as (name, where, value); for an attribute `where`
    is what stands before its name, with the dot. `reader` gives the lines of the source one by one."""
    import keyword
    import tokenize

    found: list[tuple[str, str | None, Any]] = []
    last, parent, prefix, value = None, None, "", __UNDEF__
    try:
        for kind, token, _, _, _ in tokenize.generate_tokens(reader):
            if kind == tokenize.NEWLINE:
                break
            if kind == tokenize.NAME and not keyword.iskeyword(token):
                if last == ".":
                    if parent is not __UNDEF__:
                        value = _attribute(parent, token)
                        found.append((prefix + token, prefix, value))
                else:
                    where, value = lookup(token, frame, locals)
                    found.append((token, where, value))
            elif token == ".":
                prefix += f"{last}."
                parent = value
            else:
                parent, prefix = None, ""
            last = token
    except (SyntaxError, tokenize.TokenError):
        pass  # the source ends, or is not the one that was run
    return found


def _attribute(value: Any, name: str) -> Any:
    """Return an attribute as far as it can be had: a property may raise anything."""
    try:
        return getattr(value, name, __UNDEF__)
    except Exception:
        return __UNDEF__


# Secrets


def _is_secret(name: object) -> bool:
    return (
        isinstance(name, str)
        and (name.isupper() or name in os.environ)
        and any(part in name.upper() for part in _SECRET_NAMES)
    )


def _masker() -> Callable[[str], str]:
    """Return a function that masks the environment's secrets in a text: their values and, where these are
    made of several (cookies, `Basic ...`), each. Those of 3 to 5 characters are masked only where they stand
    alone or in quotes, shorter ones not at all."""
    secrets = set()
    for name, value in os.environ.items():
        if _is_secret(name):
            pieces = value.replace(";", " ").replace(",", " ").split()
            secrets.update([value, *pieces, *(piece.partition("=")[2] for piece in pieces)])
    masks = {}
    for secret in secrets:
        if len(secret) >= 6:
            masks.update(dict.fromkeys([secret, repr(secret)[1:-1], repr(repr(secret))[2:-2]], _MASK))
        elif len(secret) >= 3:
            masks[repr(secret)] = repr(_MASK)
    ordered = sorted(masks.items(), key=lambda item: len(item[0]), reverse=True)

    def mask(text: str) -> str:
        if len(text) >= 3 and text in secrets:
            return _MASK
        for secret, instead in ordered:
            text = text.replace(secret, instead)
        return text

    return mask


def _shortener(mask: Callable[[str], str]) -> Repr:
    """Return a Repr that masks before it shortens, and survives objects whose repr() does not work."""
    import re
    from reprlib import Repr

    class Shortener(Repr):
        def __init__(self) -> None:
            super().__init__()
            self.maxlist = self.maxtuple = 20
            self.maxdict = 10
            self.maxstring = self.maxother = 100

        def repr_str(self, x: str, level: int) -> str:
            return super().repr_str(mask(x), level)

        def repr_dict(self, x: dict[Any, Any], level: int) -> str:
            return super().repr_dict({k: _MASK if _is_secret(k) else v for k, v in x.items()}, level)

        def repr__Environ(self, x: os._Environ[str], level: int) -> str:
            return f"environ({self.repr_dict(dict(x), level)})"

        def repr_instance(self, x: Any, level: int) -> str:
            text = mask(re.sub(r" at 0x[0-9a-fA-F]{6,16}(>+)$", r"\1", repr(x)))
            half = self.maxother // 2
            return text if len(text) <= self.maxother else f"{text[: half - 2]}...{text[1 - half :]}"

        def repr1(self, x: Any, level: int) -> str:
            try:
                return super().repr1(x, level)
            except Exception:
                return f"<{type(x).__name__} instance>"

    return Shortener()


# What happened


class _Frame:
    """One call: where, with which arguments, the source around the line, and the values of that line's
    names."""

    def __init__(
        self, frame: FrameType, number: int, context: int, values: Repr, mask: Callable[[str], str]
    ) -> None:
        import linecache

        code = frame.f_code
        self.file = code.co_filename
        if not self.file.startswith("<"):
            self.file = os.path.abspath(self.file)
        self.function = code.co_name
        self.arguments: list[str] | None = None  # of a function
        if self.function != "<module>":
            named = code.co_argcount + code.co_kwonlyargcount
            stars = ["*"] * bool(code.co_flags & 4) + ["**"] * bool(code.co_flags & 8)
            self.arguments = [
                f"{star}{name}={values.repr(frame.f_locals.get(name))}"
                for star, name in zip([""] * named + stars, code.co_varnames, strict=False)
            ]
        lines = linecache.getlines(code.co_filename, frame.f_globals)
        rest = iter(lines[number - 1 :])
        marked = number

        def reader() -> str:
            nonlocal marked
            marked += 1
            return next(rest, "")

        found = scanvars(reader, frame, frame.f_locals)
        start = max(0, min(number - 1 - context // 2, len(lines) - context))
        self.lines = [  # number, text, whether it is the line that was run
            (i, mask(line.rstrip()), number <= i < marked)
            for i, line in enumerate(lines[start : start + context], start + 1)
        ]
        self.values = {  # (where, name): value, or None if undefined
            (where or "", name): None if value is __UNDEF__ else values.repr(value)
            for name, where, value in found
        }


class _Error:
    """One exception of a chain."""

    def __init__(
        self, relation: str, info: ExcInfo, context: int, values: Repr, mask: Callable[[str], str]
    ) -> None:
        type, value, tb = info
        self.relation = relation
        self.type = _name(type)
        try:
            self.message = mask(str(value))
        except Exception:
            self.message = "<exception str() failed>"
        notes = _attribute(value, "__notes__")
        self.notes = [mask(str(note)) for note in notes] if isinstance(notes, list | tuple) else []
        calls = []
        while tb is not None:
            calls.append((tb.tb_frame, tb.tb_lineno))
            tb = tb.tb_next
        self.left_out = max(0, len(calls) - 2 * _FRAMES)
        self.frames = [
            _Frame(frame, number, context, values, mask)
            for frame, number in calls[:_FRAMES] + calls[_FRAMES:][-_FRAMES:]
        ]
        attributes = {name: _attribute(value, name) for name in dir(value) if name[:1] != "_"}
        self.attributes = {
            name: values.repr(attribute) for name, attribute in attributes.items() if not callable(attribute)
        }


def _chain(relation: str, info: ExcInfo, seen: set[int]) -> Iterator[tuple[str, ExcInfo]]:
    """Yield an exception after those it came from, and before those it is a group of."""
    value = info[1]
    if not isinstance(value, BaseException) or id(value) in seen:
        yield relation, info
        return
    seen.add(id(value))
    earlier = value.__cause__ or (None if value.__suppress_context__ else value.__context__)
    if earlier is not None and id(earlier) not in seen:
        yield from _chain(relation, (type(earlier), earlier, earlier.__traceback__), seen)
        relation = (
            "The above exception was the direct cause of the following exception:"
            if value.__cause__
            else "During handling of the above exception, another exception occurred:"
        )
    yield relation, info
    if isinstance(value, BaseExceptionGroup):
        for number, part in enumerate(value.exceptions, 1):
            title = f"Exception {number} of {len(value.exceptions)} in the group:"
            yield from _chain(title, (type(part), part, part.__traceback__), seen)


def _traceback(info: ExcInfo, mask: Callable[[str], str]) -> str:
    """Return the traceback as Python prints it."""
    import traceback

    try:
        return mask("".join(traceback.format_exception(*info)))
    except Exception:  # a class without __module__, say
        return mask("".join(traceback.format_tb(info[2])) + _name(info[0]))


def _name(type: object) -> str:
    return str(getattr(type, "__name__", type))


def _report(info: ExcInfo, context: int) -> tuple[list[str], list[_Error], str]:
    """Return the head (type, version, date), the exceptions, and the traceback as Python prints it."""
    import time

    mask = _masker()
    values = _shortener(mask)
    errors = [_Error(*part, context, values, mask) for part in _chain("", info, set())]
    python = f"Python {sys.version.split()[0]}: {sys.executable}"
    head = [_name(info[0]), python, time.ctime()]
    return head, errors, _traceback(info, mask)


# How it is shown

_INTRODUCTION = """A problem occurred in a Python script.  Here is the sequence of
function calls leading up to the error, in the order they occurred."""


def html(einfo: ExcInfo, context: int = 5) -> str:
    """Return a page about an exception, given as by sys.exc_info(), with `context` lines of source for each
    call.

    It has only ASCII characters, since nobody knows what charset the script had announced."""
    from html import escape

    (type, python, date), errors, traceback = _report(einfo, context)
    page = [
        f"""
<body bgcolor="#f0f0f8"> <table width="100%" cellspacing=0 cellpadding=2 border=0 summary="heading"> <tr
bgcolor="#6622aa"><td valign=bottom>&nbsp;<br> <font color="#ffffff" face="helvetica,
arial">&nbsp;<br><big><big>{strong(escape(type))}</big></big></font></td> <td align=right valign=bottom> <font
color="#ffffff" face="helvetica, arial">{escape(python)}<br>{escape(date)}</font></td></tr></table>
<p>{_INTRODUCTION}</p>"""
    ]
    for error in errors:
        if error.relation:
            page.append(f"<p>{escape(error.relation)}</p>")
        for i, frame in enumerate(error.frames):
            if error.left_out and i == _FRAMES:
                page.append(f"<p>({error.left_out} calls left out)</p>")
            page.append('<table width="100%" cellspacing=0 cellpadding=0 border=0>')
            call = f"in {strong(escape(frame.function))}"
            if frame.arguments is not None:
                call += escape(f"({', '.join(frame.arguments)})")
            page.append(f'<tr><td bgcolor="#d8bbff"><big>&nbsp;</big>{escape(frame.file)} {call}</td></tr>')
            for number, line, marked in frame.lines:
                source = f'<pre style="margin:0">{"=&gt;" if marked else "  "}{number:5} {escape(line)}</pre>'
                colour = ' bgcolor="#ffccee"' if marked else ""
                page.append(f"<tr><td{colour}>{source if marked else grey(source)}</td></tr>")
            dump = []
            for (where, name), value in frame.values.items():
                prefix = f"<em>{where}</em> " if where in ("global", "builtin") else ""
                shown = prefix + escape(name.rpartition(".")[0] + "." if "." in name else "")
                shown += strong(escape(name.rpartition(".")[2]))
                dump.append(
                    f"{shown} <em>undefined</em>" if value is None else f"{shown}&nbsp;= {escape(value)}"
                )
            page.append(f"<tr><td>{small(grey(', '.join(dump)))}</td></tr></table>")
        page.append(f"<p>{strong(escape(error.type))}: {escape(error.message)}</p>")
        page.extend(f"<p>{escape(note)}</p>" for note in error.notes)
        page.extend(
            f"<br><tt>{'&nbsp;' * 6}</tt>{escape(name)}&nbsp;= {escape(value)}"
            for name, value in error.attributes.items()
        )
    page.append(f"""

<!-- The above is a description of an error in a Python program, formatted
     for a web browser because the 'cgitb' module was enabled.  In case you
     are not reading this in a web browser, here is the original traceback:

{escape(traceback)}
-->
""")
    return "\n".join(page).encode("ascii", "xmlcharrefreplace").decode()


def text(einfo: ExcInfo, context: int = 5) -> str:
    """Return plain text about an exception; arguments as html()'s."""
    head, errors, traceback = _report(einfo, context)
    lines = [*head, "", _INTRODUCTION]
    for error in errors:
        if error.relation:
            lines += ["", error.relation]
        for i, frame in enumerate(error.frames):
            if error.left_out and i == _FRAMES:
                lines += ["", f"({error.left_out} calls left out)"]
            call = "" if frame.arguments is None else f"in {frame.function}({', '.join(frame.arguments)})"
            lines += ["", f" {frame.file} {call}"]
            lines += [f"{number:5} {line}" for number, line, _ in frame.lines]
            for (where, name), value in frame.values.items():
                shown = f"{where} {name}" if where in ("global", "builtin") else name
                lines.append(f"{shown} undefined" if value is None else f"{shown} = {value}")
        lines += ["", f"{error.type}: {error.message}", *error.notes]
        lines += [f"    {name} = {value}" for name, value in error.attributes.items()]
    lines += [
        "",
        "The above is a description of an error in a Python program.  Here is",
        "the original traceback:",
    ]
    return "\n".join([*lines, "", traceback])


class Hook:
    """A sys.excepthook that shows exceptions, as a page or as text, or keeps them in files, or both."""

    def __init__(
        self,
        display: bool | int = 1,
        logdir: str | None = None,
        context: int = 5,
        file: TextIO | None = None,
        format: str = "html",
    ) -> None:
        """display    if false, nothing but the fact that there was a problem is written to `file`
        logdir     directory for a file for each exception, or None
        context    lines of source for each call
        file       where to write, by default to standard output as it is now
        format     "html"; anything else is text"""
        self.display = display
        self.logdir = logdir
        self.context = context
        self.file = file or sys.stdout
        self.format = format

    def __call__(self, etype: Any, evalue: Any, etb: TracebackType | None) -> None:
        self.handle((etype, evalue, etb))

    def handle(self, info: ExcInfo | None = None) -> None:
        """Show an exception, by default the one that is being handled."""
        info = info or sys.exc_info()
        page = self.format == "html"
        try:
            doc = (html if page else text)(info, self.context)
        except Exception:
            from html import escape

            doc = _traceback(info, _masker())
            if page:
                doc = f"<pre>{escape(doc)}</pre>"
        paragraph = "<p>" if page else ""
        if page:
            self.file.write(reset())
        self._write(f"{doc}\n" if self.display else f"{paragraph}A problem occurred in a Python script.\n")
        if self.logdir is not None:
            self._write(f"{paragraph}{self._log(doc)}\n")
        try:
            self.file.flush()
        except Exception:
            pass

    def _write(self, text: str) -> None:
        try:
            self.file.write(text)
        except UnicodeEncodeError:
            self.file.write(text.encode("ascii", "backslashreplace").decode())

    def _log(self, doc: str) -> str:
        """Write a file of its own for this exception; return what to say about it."""
        from html import escape
        from tempfile import mkstemp

        page = self.format == "html"
        where = str(self.logdir)
        try:
            fd, path = mkstemp(suffix=".html" if page else ".txt", dir=where)
            where = path if self.display else os.path.basename(path)
            with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(doc)
            message = f"{where} contains the description of this error."
        except OSError:
            message = f"Tried to save traceback to {where if self.display else 'a file'}, but failed."
        return escape(message) if page else message


def handler(info: ExcInfo | None = None) -> None:
    """Show an exception, by default the one that is being handled, as a page on standard output."""
    Hook().handle(info)


def enable(
    display: bool | int = 1, logdir: str | None = None, context: int = 5, format: str = "html"
) -> None:
    """Show exceptions that the script does not catch, from now on; arguments as Hook's."""
    sys.excepthook = Hook(display=display, logdir=logdir, context=context, format=format)
