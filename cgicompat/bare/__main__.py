"""The program of such a process. What is imported at its first line is what no script can shadow."""

import sys

BARE = frozenset(sys.modules)
HERE = sys.path.pop(0)

import os  # noqa: E402


def main() -> None:
    """Take over the state that CGICOMPAT_STATE names, a file descriptor, and never come back."""
    import marshal

    with open(int(os.environ.pop("CGICOMPAT_STATE")), "rb") as file:
        name, settings, state = marshal.load(file)
    sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
    from cgicompat.config import Settings
    from cgicompat.descriptors import import_aside

    sys.path.pop(0)
    import_aside(name).main(Settings.restore(settings), state, BARE)


if __name__ == "__main__":
    main()
