"""The process behind a pool, a request of the command line, or a comparison, started as a bare `python FILE`.

Bare, so that scripts find here what they find in a fresh interpreter: what is imported at this line is
what no script can shadow.
"""

import sys

BARE = frozenset(sys.modules)
HERE = sys.path.pop(0)

import os  # noqa: E402


def main() -> None:
    """Take over the state that CGICOMPAT_STATE names, a file descriptor, and never come back."""
    import marshal

    package = os.path.dirname(HERE)
    sys.path.insert(0, os.path.dirname(package))
    from cgicompat.config import Settings

    sys.path.pop(0)
    with open(int(os.environ.pop("CGICOMPAT_STATE")), "rb") as file:
        dumped, state = marshal.load(file)
    settings = Settings.restore(dumped)
    if "once" in state:
        from cgicompat.pool.once import run

        run(settings, state, BARE)
    if "lab" in state:
        from cgicompat.compare.lab import Lab

        Lab(settings, state, BARE).run()
    from cgicompat.pool.master import Master

    Master(settings, state, BARE).run()


if __name__ == "__main__":
    main()
