"""What bin/bench runs: chooses the rows, measures, writes the table, JSON and plot."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from tests.bench.micro import command as micro
from tests.bench.race import document, measure
from tests.bench.race.load import CLIENTS, LOADS, preferred
from tests.bench.race.peers import PEERS, QUICK
from tests.bench.race.scripts import SCRIPTS, Script

OUTPUT = measure.REPOSITORY / "build/bench"
MICRO = "micro.json"
T = TypeVar("T")


def choose(rows: Sequence[T], key: str, names: str | None, preset: Sequence[str] | None) -> list[T]:
    """The rows that are named, in the table's order. Raises SystemExit for a name that no row has."""
    wanted = names.split(",") if names else preset
    known = [getattr(row, key) for row in rows]
    if unknown := set(wanted or ()) - set(known):
        sys.exit(f"bin/bench: there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [row for row in rows if wanted is None or getattr(row, key) in wanted]


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description="Measures CGI servers and rewrites beside cgicompat: "
        "requests/s, times, CPU and memory. Names are separated by commas.",
        epilog=f"Peers: {', '.join(peer.name for peer in PEERS)}. "
        f"Scripts: {', '.join(f'{script.key} ({script.page})' for script in SCRIPTS)}.",
    )
    parser.add_argument("--quick", action="store_true", help="the runners of serve, in under 2 minutes")
    parser.add_argument("--script", metavar="PATH", help="a script of your own, in place of ours")
    parser.add_argument("--query", default="", help="its query string")
    parser.add_argument("--peers", metavar="NAMES")
    parser.add_argument("--scripts", metavar="NAMES")
    parser.add_argument("--concurrency", metavar="NAMES", help=f"of {', '.join(each.name for each in LOADS)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="for each measurement")
    parser.add_argument("--client", choices=CLIENTS, help="[default: wrk where it is there]")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help=f"[default: {OUTPUT}]")
    parser.add_argument(
        "--micro",
        nargs="?",
        const="",
        metavar="WORDS",
        help="instead, the CPU time of single pieces: all, or those that pytest -k WORDS chooses",
    )
    parser.add_argument("--from", dest="source", type=Path, metavar="JSON", help="show an earlier run")
    parser.add_argument(
        "--document", action="store_true", help="make docs/performance.md of it, and of the last --micro"
    )
    return parser.parse_args(argv)


def options(given: argparse.Namespace) -> measure.Options:
    short = given.quick or given.script
    scripts = choose(SCRIPTS, "key", given.scripts, ["S1", "S2", "S3"] if given.quick else None)
    if given.script:
        path = Path(given.script).absolute()
        if not path.is_file():
            sys.exit(f"bin/bench: {given.script} is not a file")
        scripts = [Script("own", path.stem, path.name, query=given.query, file=str(path))]
    return measure.Options(
        choose(PEERS, "name", given.peers, QUICK if short else None),
        scripts,
        choose(LOADS, "name", given.concurrency, ["1", "8"] if short else None),
        given.rounds or (1 if given.quick else 3),
        given.seconds or 2,
        given.client or preferred(),
    )


def main() -> None:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers are to end as well
    if given.micro is not None:
        sys.exit(micro.run(given.micro, given.output / MICRO))
    if given.source:
        data = json.loads(given.source.read_text())
    else:
        chosen = options(given)
        if not (given.quick or given.script):
            measure.install(chosen.peers)
        began = time.monotonic()
        data = measure.race(chosen)
        measure.say(f"Measured in {time.monotonic() - began:.0f} s.")
        if not data["results"]:
            sys.exit("bin/bench: nothing could be measured")
        given.output.mkdir(parents=True, exist_ok=True)
        (given.output / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    results = document.Results(data)
    table = document.text(results)
    print(table, end="")
    if not given.source:
        (given.output / "table.md").write_text(table)
        drawn = document.plot(results, given.output / "plot.svg")
        measure.say(f"In {given.output}: results.json, table.md{', plot.svg' if drawn else ''}.")
    if given.document:
        file = (given.source.parent if given.source else given.output) / MICRO
        pieces = json.loads(file.read_text()) if file.exists() else None
        document.document(results, measure.REPOSITORY / "docs", pieces)


if __name__ == "__main__":
    main()
