"""The limit of open files (ulimit -n, getrlimit(2)): enough for the master, and for scripts what it was."""

from __future__ import annotations

import resource

from cgicompat.descriptors import LOWEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.config import Settings

_OWN = 64  # what a process has open beside connections and workers
_LINGERING = 256  # connections that are being turned away


def needed(settings: Settings) -> int:
    """How many a master may have open: one for each worker and each connection that waits."""
    _, workers = settings.workers
    return LOWEST + _OWN + workers + settings.queue + _LINGERING


def check(settings: Settings) -> None:
    """Raises OSError, which says what to do, where the hard limit does not allow it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = needed(settings)
    if hard != resource.RLIM_INFINITY and hard < least:
        raise OSError(
            f"{least} open files may be needed for {settings.workers[1]} workers and a queue of "
            f"{settings.queue}, and {hard} are allowed: raise the limit (ulimit -n {least}, "
            f"LimitNOFILE={least}), or choose fewer by --workers and --queue"
        )


def raise_for(settings: Settings) -> int:
    """Raise our soft limit as far as we may need. The one before, for for_scripts()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = needed(settings)
    if soft != resource.RLIM_INFINITY and soft < least:
        if hard != resource.RLIM_INFINITY:
            least = min(least, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
    return soft


def for_scripts(soft: int) -> None:
    """In a worker: as it was, but what we have open ourselves must have room."""
    now, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < now:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(now, max(soft, LOWEST + _OWN)), hard))
