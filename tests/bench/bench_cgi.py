"""Our `cgi` against legacy-cgi (that of Python 3.12, packaged) and against bare multipart.

    python tests/bench/bench_cgi.py [--rounds N] [--large MB]

One run sets up a venv with legacy-cgi and multipart in a temporary directory and measures all three there, in
turns, each in a process of its own (measure_cgi.py). The best of all rounds counts, since whatever else the
machine does only ever adds. It prints figures, ratios, and the goals with whether they are met.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "cgicompat", "stdlib")


def measure(python: str, contestant: str, case: str, size: int) -> float:
    folder = OURS if contestant == "ours" else ""
    script = os.path.join(HERE, "measure_cgi.py")
    command = [python, "-I", "-W", "ignore", script, contestant, folder, case, str(size)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def goal(case: str, ours: float, legacy: float, multipart: float) -> tuple[str, bool]:
    if case == "import":
        return "at most half of legacy-cgi's", ours <= legacy / 2
    if case == "upload":
        met = ours <= legacy / 5 and ours <= multipart * 1.3
        return "5x as fast as legacy-cgi, within 1.3x of multipart", met
    if case == "memory":
        return "under 20 MB above idle", ours < 20e6
    return "no slower than legacy-cgi", ours <= legacy


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=1024, metavar="MB", help="upload that shows peak memory")
    options = parser.parse_args()
    cases = {
        "import": 0,
        "get": 3,
        "form": 200,
        "parts": 1000,
        "upload": 100 << 20,
        "memory": options.large << 20,
    }
    results: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = os.path.join(folder, "bin", "python")
        install = [python, "-m", "pip", "install", "--quiet", "legacy-cgi", "multipart"]
        subprocess.run(install, check=True)
        for number in range(options.rounds):
            for case, size in cases.items():
                for contestant in ("ours", "legacy-cgi", "multipart"):
                    once = case == "memory" and number
                    if not once and (case, contestant) != ("get", "multipart"):
                        value = measure(python, contestant, case, size)
                        key = case, contestant
                        results[key] = min(value, results.get(key, value))
    print(f"Python {sys.version.split()[0]}, best of {options.rounds} rounds; memory in MB, times in ms")
    print("            ours  legacy-cgi   multipart  legacy/ours  ours/multipart  goal")
    for case in cases:
        ours, legacy, multipart = (
            results.get((case, name), float("nan")) for name in ("ours", "legacy-cgi", "multipart")
        )
        words, met = goal(case, ours, legacy, multipart)
        scale = 1e-6 if case == "memory" else 1e3
        figures = "".join(f"{value * scale:12.3f}" for value in (ours, legacy, multipart))
        ratios = f"{legacy / max(ours, 1e-9):13.2f}{ours / max(multipart, 1e-9):16.2f}"
        print(f"{case:6}{figures[2:]}{ratios}  {words}: {'met' if met else 'NOT MET'}")


if __name__ == "__main__":
    main()
