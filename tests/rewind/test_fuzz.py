"""The library by itself: whatever is done to a process at random, it is as before when it has gone back.

ROUNDS in the environment is how often each way is tried, or SECONDS how long; SEED is where the first begins.
With -rP it is said how many rounds there were.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.processes import REPOSITORY

SOURCES = sorted((REPOSITORY / "cgicompat" / "rewind").glob("*.c"))
FUZZ = Path(__file__).with_name("fuzz.c")
COMPILERS = [compiler for compiler in ("gcc", "clang") if shutil.which(compiler)]
ROUNDS = int(os.environ.get("ROUNDS", "100"))
SECONDS = int(os.environ.get("SECONDS", "0"))
SEED = int(os.environ.get("SEED", "1"))
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Werror", "-std=gnu11", "-U_FORTIFY_SOURCE")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or not COMPILERS, reason="needs Linux and a C compiler"),
    pytest.mark.xdist_group("rewind-fuzz"),
    pytest.mark.timeout(120 + ROUNDS + 2 * SECONDS),
]


@pytest.fixture(scope="module")
def fuzz() -> Iterator[Path]:
    """The program, which ends where behaviour is undefined, and is for every user."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        program = Path(directory, "fuzz")
        flags = ("-O1", "-g", "-fsanitize=undefined", "-fno-sanitize-recover=all", "-U_FORTIFY_SOURCE")
        libraries = ("-Wl,-z,now", "-pthread", "-ldl", "-lm", "-lrt")
        command = [COMPILERS[0], "-std=gnu11", *flags, "-w", "-o", program, FUZZ, *SOURCES, *libraries]
        subprocess.run(command, check=True)
        yield program


@pytest.mark.parametrize("user", ["root", "nobody"])
@pytest.mark.parametrize("scan", ["scanning", "reading"])
def test_a_process_is_as_before(fuzz: Path, scan: str, user: str) -> None:
    """As nobody, also under a filter that refuses userfaultfd(2) as that of Docker does."""
    if user == "root" and os.getuid():
        pytest.skip("only as root")
    ways = ["reading"] * (scan == "reading") + ["refused"] * (user == "nobody")
    who = 65534 if user == "nobody" and not os.getuid() else None
    seed = SEED + 2 * (user == "nobody") + (scan == "reading")
    amount = (str(SECONDS), "seconds") if SECONDS else (str(ROUNDS),)
    command = [fuzz, str(seed), *amount, *ways]
    ended = subprocess.run(command, capture_output=True, text=True, user=who, group=who, cwd="/")
    assert ended.returncode == 0, f"seed {seed}: {ended.stdout}{ended.stderr}"
    print(f"seed {seed}:", ended.stdout)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_compilers_have_nothing_to_say(compiler: str, tmp_path: Path) -> None:
    for source in SOURCES:
        subprocess.run([compiler, "-O2", *STRICT, "-fPIC", "-c", source, "-o", tmp_path / "o"], check=True)
