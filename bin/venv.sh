# Sourced by bin/serve-samples, bin/test and .ci/run: finds a Python and keeps a virtual environment for it.
#
# The environment is .venv/MAJOR.MINOR in the repository. A stamp in it records from which Python and from which
# metadata and sources in C it was made; while these are unchanged, nothing is installed again.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# usable PROGRAM [MAJOR.MINOR]: does it run at all (a pyenv shim may not), with a fitting version, and can it
# make virtual environments (Debian's cannot without python3-venv)?
usable() {
    "$1" - "${2:-}" >/dev/null 2>&1 <<'PYTHON'
import ensurepip, sys, venv
fits = "%d.%d" % sys.version_info[:2] == sys.argv[1] if sys.argv[1] else sys.version_info >= (3, 11)
sys.exit(not fits)
PYTHON
}

# find_python: prints the program to use. $PYTHON chooses it, by name or path or as a version ("3.12");
# otherwise the newest one that works, on PATH or among pyenv's.
find_python() {
    local versions="3.15 3.14 3.13 3.12 3.11" wanted="" version candidate pyenv
    case ${PYTHON:-} in
        "") ;;
        3.[0-9]*) versions=$PYTHON wanted=$PYTHON ;;
        *)
            if usable "$PYTHON"; then
                echo "$PYTHON"
                return 0
            fi
            echo "PYTHON=$PYTHON: not a working Python 3.11 or newer with the venv module." >&2
            return 1
            ;;
    esac
    pyenv=$(pyenv root 2>/dev/null || echo "${PYENV_ROOT:-$HOME/.pyenv}")
    for version in $versions; do
        for candidate in "python$version" "$pyenv/versions/$version".*/bin/python; do
            if usable "$candidate" "$version"; then
                echo "$candidate"
                return 0
            fi
        done
    done
    if usable python3 "$wanted"; then
        echo python3
        return 0
    fi
    echo "No working Python ${wanted:-3.11 or newer} with the venv module found (on Debian: apt install" \
        "python3-venv). Name one: PYTHON=/path/to/python $0" >&2
    return 1
}

# use_venv [EXTRAS]: sets VENV to an environment in which this repository is installed with these extras.
use_venv() {
    local extras=${1:-} python base stamp
    python=$(find_python) || return
    VENV=$root/.venv/$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    base=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable), sys.version)')
    stamp="$base $(cat "$root"/{setup.*,pyproject.toml,cgicompat/rewind/*.[ch]} | cksum) $root"
    if [ "$(cat "$VENV/installed$extras" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    echo "Installing cgicompat$extras into $VENV ..." >&2
    if [ "$(cat "$VENV/base" 2>/dev/null)" != "$base" ]; then
        "$python" -m venv --clear "$VENV" || return
        echo "$base" >"$VENV/base"
    fi
    # compat: a path in a .pth file; the default is an import hook, which doubles the start of every Python.
    "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --config-settings editable_mode=compat \
        --editable "$root$extras" >&2 || return
    echo "$stamp" >"$VENV/installed$extras"
    echo "$stamp" >"$VENV/installed"
}
