"""How the benchmarks are run, by `bin/bench --micro` and by the test that sees whether they still can be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTEST = ("-m", "pytest", str(HERE), "-o", "python_files=bench_*.py", "-p", "no:cacheprovider", "-q")
SHOWN = ("--benchmark-columns=min,median,iqr,rounds", "--benchmark-time-unit=us")


def run(words: str, file: Path) -> int:
    """Runs those whose name has `words` (an expression as for pytest -k), writes their figures to `file` in
    JSON. Returns the exit status."""
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *PYTEST, *SHOWN, f"--benchmark-json={file}", "-k", words]
    return subprocess.run(command, cwd=HERE.parents[2]).returncode
