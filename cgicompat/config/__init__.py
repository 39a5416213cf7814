"""Settings: one table of options, from which come the keys of cgicompat.toml, the CGICOMPAT_* variables and
the flags of the command line.

A value is written in the same way in all four layers (default, file, environment, flag; the later wins), so
each option has one parser, and a mistake is reported with the place where it was made and with what is
allowed there. Lists (cgi-bin, script-endings, preload, define) and env add up over the layers.

`options` is the table, `values` has the parsers, `settings` what load() finds in the layers. The pool's
master and its workers import this package: at import time it needs `os` and nothing else.
"""

from __future__ import annotations

from cgicompat.config.options import OPTIONS
from cgicompat.config.settings import FILE_NAME, Settings, load
from cgicompat.config.values import ConfigError, Option, address, cores, size, split_address

__all__ = [
    "FILE_NAME",
    "OPTIONS",
    "ConfigError",
    "Option",
    "Settings",
    "address",
    "cores",
    "load",
    "size",
    "split_address",
]
