"""The user and group as whom scripts run, for servers that are started by root."""

from __future__ import annotations

import os
import sys

ROOT = "Scripts run as root here. Choose another user by --user NAME, or `user` in cgicompat.toml."


def user_id(name: str) -> int:
    """Number of a user, by name or number. Raises ValueError where there is none."""
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return _number(name)


def group_id(name: str) -> int:
    """Number of a group, by name or number. Raises ValueError where there is none."""
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return _number(name)


def _number(text: str) -> int:
    """A user's or group's; the largest stands for none (setreuid(2))."""
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32 - 1:
        return int(text)
    raise ValueError(f"no number of a user or group: {text[:20]!r}")


def wanted(user: str | None, group: str | None) -> tuple[int, int]:
    """User and group as whom scripts are to run: ours where nothing is said; a user's own group, and
    with it those that it is a member of, unless a `group` is named."""
    import pwd

    uid = os.geteuid() if user is None else user_id(user)
    if group is not None:
        return uid, group_id(group)
    if user is None:
        return uid, os.getegid()
    try:
        return uid, pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid, uid


def is_ours(user: str | None, group: str | None) -> bool:
    """Whether this process is of that user and group."""
    return wanted(user, group) == (os.geteuid(), os.getegid())


def check(user: str | None, group: str | None) -> None:
    """Raises PermissionError where this process can not become of that user and group."""
    if os.geteuid() != 0 and not is_ours(user, group):
        raise PermissionError(f"only root can run scripts as {user or group}: start (not reload) it as root")


def become(user: str | None, group: str | None) -> None:
    """Change user, group and supplementary groups of this process, for good. Raises OSError."""
    import pwd

    check(user, group)
    if is_ours(user, group):
        return
    uid, gid = wanted(user, group)
    try:
        entry = pwd.getpwuid(uid)
        os.initgroups(entry.pw_name, gid)
        os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)
    except KeyError:
        os.setgroups([gid])
    os.setgid(gid)
    os.setuid(uid)
    for path in (sys.executable, os.__file__, __file__):
        if not os.access(path, os.R_OK):
            raise PermissionError(
                f"{user or group} may not read {path}: install Python and cgicompat where every user can, "
                "or open the directories above"
            )
