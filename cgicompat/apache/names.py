"""Names of clients, which Require host, Require forward-dns and Allow from ask for.

A name counts where it leads back to the address that it was found for (server/core.c, ap_get_remote_host with
REMOTE_DOUBLE_REV): whoever has an address says what its name is. What is not answered within PATIENCE is
answered with nothing.
"""

from __future__ import annotations

import os
import signal
import socket

from .networks import packed

PATIENCE = 5.0  # seconds
_PIECE = 4096  # bytes, which a pipe takes at once


class Question:
    """What the name service is asked: the name of an `address`, or the addresses of a `name`."""

    __slots__ = ("address", "name")

    def __init__(self, *, address: str = "", name: str = "") -> None:
        self.address = address
        self.name = name

    @property
    def key(self) -> tuple[str, str]:
        return self.address, self.name

    def ask(self) -> tuple[str, ...]:
        """The answer, be it none. Blocks as long as the system's resolver likes."""
        try:
            return _addresses(self.name) if self.name else _name(self.address)
        except (OSError, ValueError):
            return ()


def _name(address: str) -> tuple[str, ...]:
    found = socket.getnameinfo((address.partition("%")[0], 0), socket.NI_NAMEREQD)[0].lower()
    own = packed(address) in map(packed, _addresses(found))
    return (found,) if own and _is_name(found) else ()


def _addresses(name: str) -> tuple[str, ...]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))[:100]


def by_child(question: Question) -> tuple[str, ...]:
    """The answer, which a child process has asked for, so that this one keeps nothing of a resolver and can
    end it. Raises OSError."""
    reader, writer = os.pipe()
    with open(reader, "rb") as answer:
        try:
            pid = os.fork()
            if not pid:
                _answer(question, writer)
        finally:
            os.close(writer)
        found = answer.read(_PIECE).decode("ascii", "replace")
    os.waitpid(pid, 0)
    return tuple(found.split())


def _answer(question: Question, writer: int) -> None:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        os.write(writer, " ".join(question.ask()).encode("ascii", "replace")[:_PIECE])
    finally:
        os._exit(0)


def host_name(word: str) -> str:
    """A name, or with a dot in front the end of names, in lower case. Raises ValueError."""
    if not _is_name(word.removeprefix(".")) or word.rpartition(".")[2].isdecimal():
        raise ValueError(f"`{word}` is no name of a host: write example.org, and for an address `Require ip`")
    return word.lower()


def _is_name(text: str) -> bool:
    labels = text.translate({ord("-"): "x", ord("_"): "x"}).split(".")
    return text.isascii() and all(label.isalnum() for label in labels)


def is_within(name: str, domain: str) -> bool:
    """Is a name `domain` itself, or below it (mod_authz_host, in_domain)?"""
    return name == domain or name.endswith(domain if domain[0] == "." else "." + domain)
