"""What an application that a server loads is to serve: a directory or a script, and its settings."""

from __future__ import annotations

import os

from cgicompat import config


def load(
    target: str | os.PathLike[str] | None, options: dict[str, object]
) -> tuple[config.Settings, str | None]:
    """The settings of a directory or, with its absolute file name, of a single script.

    `target` is either, else CGICOMPAT_DIRECTORY names it, else it is the working directory. `options` are the
    configuration's, with underscores. Raises config.ConfigError.
    """
    path = os.fspath(target or os.environ.get("CGICOMPAT_DIRECTORY") or os.getcwd())
    if not os.path.isfile(path):
        return config.load(path, options), None
    directory, name = os.path.split(os.path.abspath(path))
    settings = config.load(directory, {**options, "cgi_bin": "."})
    return settings, os.path.join(settings.directory, name)
