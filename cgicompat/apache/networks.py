"""Internet addresses and networks as Require ip and Allow from take them (apr_ipsubnet_create)."""

from __future__ import annotations

import socket


def packed(address: str) -> bytes | None:
    """The bytes of an address, 4 also of an IPv4 one as an IPv6 socket shows it. None where it is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            found = socket.inet_pton(family, address.partition("%")[0])
        except (OSError, ValueError):
            continue
        return found[12:] if found[:12] == b"\0" * 10 + b"\xff\xff" else found
    return None


def is_loopback(address: str) -> bool:
    found = packed(address)
    return found is not None and (found[:1] == b"\x7f" if len(found) == 4 else found == b"\0" * 15 + b"\1")


class Network:
    """A network: 10.1, 10.1.0.0/16, 10.1.0.0/255.255.0.0, 2001:db8::/32 or one address. Raises ValueError."""

    __slots__ = ("_bytes", "_mask")

    def __init__(self, text: str) -> None:
        address, slash, length = text.partition("/")
        parts = address.removesuffix(".").split(".")
        bits = None
        if ":" not in address and len(parts) < 4 and not slash:
            bits = 8 * len(parts)
            address = ".".join([*parts, *["0"] * (4 - len(parts))])
        found = packed(address)
        mask = packed(length) if "." in length else None
        if found is None or (slash and "." in length and (mask is None or len(mask) != len(found))):
            raise ValueError(f"`{text}` is no address: write 192.0.2.1, 192.0.2, or 192.0.2.0/24")
        size = 8 * len(found)
        if slash and mask is None:
            if not (length.isascii() and length.isdigit() and int(length) <= size):
                raise ValueError(f"`{text}`: after the slash there are 0 to {size}")
            bits = int(length)
        ones = size if bits is None else bits
        self._mask = int.from_bytes(mask, "big") if mask else ((1 << ones) - 1) << (size - ones)
        self._bytes = (len(found), int.from_bytes(found, "big") & self._mask)

    def __contains__(self, address: str) -> bool:
        found = packed(address)
        return found is not None and (len(found), int.from_bytes(found, "big") & self._mask) == self._bytes
