"""What bin/bench runs: chooses the rows, measures, writes the table, JSON and plot."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tests.bench.micro import command as micro
from tests.bench.race import document, measure
from tests.bench.race.load import CLIENTS, LOADS, preferred
from tests.bench.race.peers import AGAINST, PEERS, QUICK, Peer
from tests.bench.race.scripts import SCRIPTS, Script

OUTPUT = measure.REPOSITORY / "build/bench"
MICRO = "micro.json"
DESCRIPTION = """\
Measures cgicompat beside other CGI servers and beside rewrites: requests/s, times, CPU, memory.

  bin/bench --quick          does it pay off on this machine? Under 2 minutes
  bin/bench --script PATH    and with this script? It is asked for thousands of times,
                             so what it writes or sends, it does as often
  bin/bench                  everyone; as root it installs what is missing, by apt-get
  bin/bench --against DIR    is this checkout slower than that one?
  bin/bench --micro          what single pieces of cgicompat cost"""
T = TypeVar("T")


def choose(rows: Sequence[T], key: str, names: str | None, preset: Sequence[str] | None) -> list[T]:
    """The rows that are named, in the table's order. Raises SystemExit for a name that no row has."""
    wanted = names.split(",") if names else preset
    known = [getattr(row, key) for row in rows]
    if unknown := set(wanted or ()) - set(known):
        sys.exit(f"bin/bench: there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [row for row in rows if wanted is None or getattr(row, key) in wanted]


def rows(table: Sequence[Script] | Sequence[Peer], key: str) -> str:
    return "\n".join(f"  {getattr(row, key):22}{row.what}" for row in table)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description=DESCRIPTION,
        epilog=f"scripts:\n{rows(SCRIPTS, 'key')}\n\npeers:\n{rows(PEERS, 'name')}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what is measured (names are separated by commas)")
    what.add_argument("--quick", action="store_true", help="the runners of `serve`, one round; no root")
    what.add_argument("--script", metavar="PATH", help="a script of your own, by the runners of `serve`")
    what.add_argument("--query", default="", help="its query string")
    what.add_argument("--scripts", metavar="NAMES", help="of those below [all; with --quick S1,S2,S3]")
    what.add_argument("--peers", metavar="NAMES", help="of those below [all that are or can be installed]")
    what.add_argument(
        "--against",
        type=Path,
        metavar="DIR",
        help="another checkout of cgicompat: each peer takes part a second time, run by that one "
        f"[peers: {','.join(AGAINST)}; scripts: S1,S2,S3; at once: 8]",
    )
    what.add_argument(
        "--micro",
        nargs="?",
        const="",
        metavar="WORDS",
        help="instead, the CPU time of single pieces: all, or those that pytest -k WORDS chooses",
    )
    how = parser.add_argument_group("how")
    loads = ", ".join(each.name for each in LOADS)
    how.add_argument("--concurrency", metavar="NAMES", help=f"requests at once: {loads} [all; quick: 1,8]")
    how.add_argument("--rounds", type=int, help="in turns; of them the median counts [3; quick: 1]")
    how.add_argument("--seconds", type=float, default=2, help="for each measurement [%(default)s]")
    how.add_argument("--client", choices=CLIENTS, help="who asks [wrk where it is there]")
    results = parser.add_argument_group("results")
    results.add_argument("--output", type=Path, default=OUTPUT, metavar="DIR", help="[build/bench]")
    results.add_argument(
        "--from", dest="sources", nargs="+", type=Path, metavar="JSON", help="show those of earlier runs"
    )
    results.add_argument(
        "--document", action="store_true", help="make docs/performance.md of them and of the last --micro"
    )
    return parser.parse_args(argv)


def options(given: argparse.Namespace) -> measure.Options:
    short = given.quick or given.script
    small = given.quick or given.against
    scripts = choose(SCRIPTS, "key", given.scripts, ["S1", "S2", "S3"] if small else None)
    if given.script:
        path = Path(given.script).absolute()
        if not path.is_file():
            sys.exit(f"bin/bench: {given.script} is not a file")
        what = "a script of your own"
        scripts = [Script(path.name, path.stem, what, query=given.query, file=str(path))]
    chosen = choose(PEERS, "name", given.peers, AGAINST if given.against else QUICK if short else None)
    if given.against:
        if not (given.against / "cgicompat").is_dir():
            sys.exit(f"bin/bench: {given.against} is no checkout of cgicompat")
        chosen = [each for peer in chosen for each in (peer, before(peer))]
    return measure.Options(
        chosen,
        scripts,
        choose(LOADS, "name", given.concurrency, ["8"] if given.against else ["1", "8"] if short else None),
        given.rounds or (1 if given.quick else 3),
        given.seconds,
        given.client or preferred(),
        given.against and given.against.absolute(),
    )


def before(peer: Peer) -> Peer:
    """The same, run by the other checkout."""
    return replace(peer, name=f"{peer.name}-before", what=f"{peer.what}, before", before=True)


def main() -> None:
    given = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # the servers are to end as well
    if given.micro is not None:
        sys.exit(micro.run(given.micro, given.output / MICRO))
    if given.sources:
        data = measure.together([json.loads(source.read_text()) for source in given.sources])
    else:
        chosen = options(given)
        if given.peers or not (given.quick or given.script):
            measure.install(chosen.peers)
        began = time.monotonic()
        data = measure.race(chosen)
        if not data["results"]:
            sys.exit("bin/bench: nothing could be measured")
        measure.say(f"Measured in {time.monotonic() - began:.0f} s.")
        given.output.mkdir(parents=True, exist_ok=True)
        (given.output / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    results = document.Results(data)
    table = document.text(results)
    print(table, end="")
    if not given.sources:
        (given.output / "table.md").write_text(table)
        drawn = document.plot(results, given.output / "plot.svg")
        measure.say(f"In {given.output}: results.json, table.md{', plot.svg' if drawn else ''}.")
    if given.document:
        file = (given.sources[0].parent if given.sources else given.output) / MICRO
        pieces = json.loads(file.read_text()) if file.exists() else None
        document.document(results, measure.REPOSITORY / "docs", pieces)


if __name__ == "__main__":
    main()
