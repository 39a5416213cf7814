"""What the figures look like: tables in Markdown, a plot, and docs/performance.md made of both.

All figures come from the JSON that a measurement wrote, so that it can be made again without measuring.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.race.peers import QUICK, REFERENCE

MAIN = "8"  # the load by which peers are compared
LIMITS = Path(__file__).with_name("limits.md")  # what the figures do not say by themselves
COLOURS = {"CGI": "#9a9a9a", "mod_python": "#c58b3f", "rewrite": "#4f8fc0", "cgicompat": "#3d9a5f"}


@dataclass(frozen=True)
class Aim:
    """`peer`'s requests/s at concurrency 8 are to be at least so many times those of `other`, by scripts."""

    peer: str
    other: str
    least: dict[str, float]


AIMS = (
    Aim("scgi-cgihandler", REFERENCE, {"S1": 130, "S2": 130, "S3": 65}),
    Aim("serve-cgihandler", REFERENCE, {"S1": 90, "S2": 90, "S3": 55}),
    Aim("scgi-cgihandler", "gunicorn", {"S1": 1.0, "S2": 0.9, "S3": 0.95}),
    Aim("scgi-cgihandler", "mod_python-cgihandler", {"S1": 3, "S3": 15}),
    Aim("serve-fork", REFERENCE, {"S1": 8, "S2": 13, "S3": 11}),
    Aim("scgi-fork-150M", "scgi-fork", {"S1": 0.9}),
    Aim("serve-cgi", REFERENCE, {"S1": 1.05, "S2": 1.05, "S3": 1.05}),
    Aim("client-python-cgihandler", REFERENCE, {"S1": 1.5, "S2": 3.7, "S3": 5.7}),
    Aim("client-cgihandler", REFERENCE, {"S1": 12, "S2": 27, "S3": 24}),
    Aim("scgi-cgihandler", "fcgiwrap-cat", {"S5": 0.8, "S6": 0.8}),
)
# An idle pool of `fork` may take so many ms longer than one of `cgihandler` for S1.
IDLE_AIM = 1.0
# µs of CPU that cgihandler may take for a run of hello.
FIXED_AIM = 20.0
WHOLE = "the whole run"  # as --micro calls it


LEGEND = """\
"requests/s at 8" is with 8 requests at once, "÷" how many times the other's that is. p50 and p99: half of the
answers, and all but one in a hundred, took at most so long. CPU: of all the server's processes, for one
request. Memory: under load, what processes share divided among them (PSS)."""
NO_CGROUPS = "Without root (or cgroups) CPU lacks what no server waited for: scripts of mod_cgid and fcgiwrap"


class Results:
    """The JSON, to be asked for single figures."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.cells = {(row["script"], row["load"], row["peer"]): row for row in data["results"]}
        self.loads = [name for name in data["loads"] if name != "idle"]
        measured = {row["peer"] for row in data["results"]}
        self.peers = [name for name in data["peers"] if name in measured]
        self.scripts = [
            key for key in data["scripts"] if any(row["script"] == key for row in data["results"])
        ]
        self.reference = next((name for name in (REFERENCE, QUICK[0]) if name in measured), "")
        self.main = MAIN if MAIN in self.loads else self.loads[-1]

    def what(self, peer: str) -> str:
        return self.data["peers"][peer]["what"]

    def get(self, script: str, load: str, peer: str, column: str = "rate") -> float | None:
        row = self.cells.get((script, load, peer))
        return row and row[column]

    def ratio(self, script: str, load: str, peer: str, other: str) -> float | None:
        mine, theirs = self.get(script, load, peer), self.get(script, load, other)
        return mine / theirs if mine is not None and theirs else None


def number(value: float | None) -> str:
    """With as many digits as say something."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table that is legible as it is, too; its first `words` columns are text."""
    widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.ljust(width) if at < words else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join(aligned) + " |"

    rule = [("-" * width if at < words else "-" * (width - 1) + ":") for at, width in enumerate(widths)]
    return "\n".join(line(row) for row in (header, rule, *rows))


def tables(results: Results) -> Iterator[tuple[str, str]]:
    """For each script a title and a table."""
    main = results.main
    header = ["Peer"]
    for load in results.loads:
        header += [f"requests/s at {load}"] + ([f"÷ {results.reference}"] if results.reference else [])
    header += [f"p50 at {main}, ms", "p99, ms", "CPU, ms", "memory, MB"]
    for script in results.scripts:
        rows = []
        for peer in results.peers:
            if (script, main, peer) not in results.cells:
                continue
            row = [results.what(peer)]
            for load in results.loads:
                row.append(number(results.get(script, load, peer)))
                if results.reference:
                    row.append(number(results.ratio(script, load, peer, results.reference)))
            row += [
                number(results.get(script, main, peer, column)) for column in ("p50", "p99", "cpu", "memory")
            ]
            rows.append(row)
        yield f"{script}, {results.data['scripts'][script]}", markdown(header, rows)


def aims(results: Results, micro: dict[str, Any] | None = None) -> str:
    """The aims of which both sides were measured, as a table; empty where there are none. `micro` is
    pytest-benchmark's JSON."""
    rows = []
    for aim in AIMS:
        found = {key: results.ratio(key, MAIN, aim.peer, aim.other) for key in aim.least}
        known = {key: value for key, value in found.items() if value is not None}
        if known:
            rows.append(
                [
                    f"{results.what(aim.peer)} ÷ {results.what(aim.other)}",
                    ", ".join(known),
                    " / ".join(f"{aim.least[key]:g}" for key in known),
                    " / ".join(number(value) for value in known.values()),
                    " / ".join("yes" if value >= aim.least[key] else "no" for key, value in known.items()),
                ]
            )
    fork, handler = (results.get("S1", "idle", f"scgi-{name}", "p50") for name in ("fork", "cgihandler"))
    if fork is not None and handler is not None:
        more = fork - handler
        words = "an idle server, p50 of fork less that of cgihandler, ms"
        rows.append([words, "S1", f"{IDLE_AIM:g}", number(more), "yes" if more <= IDLE_AIM else "no"])
    for name, median in ((row["name"], microseconds(row)) for row in (micro or {}).get("benchmarks", ())):
        if name == WHOLE:
            met = "yes" if median <= FIXED_AIM else "no"
            words = "CPU of a run under cgihandler, without any server, µs"
            rows.append([words, "S1", f"{FIXED_AIM:g}", number(median), met])
    return markdown(["What", "scripts", "aim", "measured", "met"], rows, words=2) if rows else ""


def microseconds(row: dict[str, Any]) -> float:
    """The median of one of pytest-benchmark's rows."""
    return float(row["stats"]["median"] * 1e6)


def verdict(results: Results) -> str:
    """What the runners of `serve` gain, in a sentence; empty where that is not what was compared."""
    cgi, *runners = QUICK
    if results.reference != cgi:
        return ""
    gains = []
    for peer in runners:
        ratios = [results.ratio(script, results.main, peer, cgi) for script in results.scripts]
        if found := [number(ratio) for ratio in ratios if ratio is not None]:
            gains.append(f"with `{peer.removeprefix('serve-')}` {' / '.join(found)}")
    what = f"of {' / '.join(results.scripts)} at {results.main}"
    return f"Requests/s {what}, as multiples of those with `cgi`: {', '.join(gains)}." if gains else ""


def remarks(results: Results) -> Iterator[str]:
    """Lines about who did not take part where, and why, and whose answers were not all a success."""
    if not results.data["cgroups"] and results.peers != list(QUICK):
        yield NO_CGROUPS
    for name, why in results.data["left out"].items():
        peer, _, script = name.partition(" ")
        if why != "not meant for it":
            first = why.partition("\n")[0]
            yield f"{results.what(peer)}{script and ' for ' + script}: {first}"
    for (script, load, peer), row in results.cells.items():
        if row["failed"]:
            yield f"{results.what(peer)} for {script} at {load}: {row['failed']:g} requests failed"


def machine(results: Results) -> str:
    about = results.data["machine"]
    counts = sorted({len(row["rounds"]) for row in results.data["results"]})
    rounds = "one round" if counts == [1] else f"medians of {' or '.join(map(str, counts))} rounds"
    return (
        f"{about['processor']}; {about['system']}; client {about['client']}; {about['date']}; "
        f"{rounds} of {results.data['seconds']:g} s. {about['versions']}."
    )


def text(results: Results) -> str:
    """All tables, for a terminal."""
    parts = [machine(results), LEGEND]
    for title, table in tables(results):
        parts += [title, table]
    notes = "\n".join(f"- {line}" for line in remarks(results))
    parts += filter(None, (aims(results), notes, verdict(results)))
    return "\n\n".join(parts) + "\n"


def plot(results: Results, file: Path) -> bool:
    """Requests/s of S1 to S3 as multiples of the reference's, as SVG or PNG by the name's ending. False where
    there is nothing to compare or no matplotlib."""
    scripts = [key for key in results.scripts if key in ("S1", "S2", "S3")] or results.scripts[:3]
    try:
        import matplotlib
    except ImportError:
        return False
    if not results.reference or len(results.peers) < 2:
        return False
    matplotlib.use("svg" if file.suffix == ".svg" else "agg")
    # The same figures give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "cgicompat", "font.size": 8})
    from matplotlib import pyplot

    shown = [
        peer
        for peer in results.peers
        if any(results.ratio(script, results.main, peer, results.reference) for script in scripts)
    ]
    figure, axes = pyplot.subplots(
        1,
        len(scripts),
        figsize=(4 + 2.4 * len(scripts), 1 + 0.2 * len(shown)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for script, axis in zip(scripts, axes[0], strict=True):
        ratios = [results.ratio(script, results.main, peer, results.reference) or 0.0 for peer in shown]
        groups = [results.data["peers"][peer]["group"] for peer in shown]
        axis.barh(range(len(shown)), ratios, color=[COLOURS[group] for group in groups])
        for at, ratio in enumerate(ratios):
            if ratio:
                axis.text(ratio * 1.1, at, number(ratio), va="center", clip_on=True)
        axis.set_xscale("log")
        axis.set_xlim(0.3, max(ratios) * 8)
        axis.margins(y=0.01)
        axis.set_title(results.data["scripts"][script].partition(":")[0])
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_yticks(range(len(shown)), [results.what(peer) for peer in shown])
    axes[0][0].invert_yaxis()
    figure.supxlabel(f"requests/s at concurrency {results.main}, as multiples of {results.reference}'s (log)")
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    pyplot.close(figure)
    return True


TITLE = """\
# Performance
"""
GAIN = """\
So many times as many requests a second as under {reference} does a script answer
that is left as it is, with 8 requests at once. gunicorn has the same logic, rewritten as a WSGI application.
`cgihandler` is measured by guards, `auto` by memory put back.
"""
GAINERS = (
    *("scgi-auto", "scgi-cgihandler", "scgi-fork", "serve-auto", "serve-cgihandler", "serve-fork"),
    "gunicorn",
)
INTRODUCTION = """\
## How it was measured

Made by `bin/bench --document`. The servers of a table are measured in turns, in one run on one machine; look
at the ratios more than at the figures. "CPU" is what all processes of a server use for one request, "memory"
what they hold under load, with shared pages divided among them (PSS). mod_cgid is asked with `Connection:
close`. gunicorn, granian, mod_wsgi and two of mod_python's run the same logic rewritten
([rewrite.py](../tests/bench/race/site/rewrite.py)); mod_python and mod_wsgi have Debian's Python, all others
the one named below. How each server is set up stands in [peers.py](../tests/bench/race/peers.py).
"""
PIECES = """\
## Piece by piece

CPU time of single pieces, medians, by `bin/bench --micro` ([tests/bench/micro](../tests/bench/micro)). Some
pieces of a run are within others: streams, `sys.path`, the script and the program's end within the program.
"""
REPEAT = """\
## Measure it yourself

```sh
bin/bench --quick              # under 2 minutes, no root: the three runners of `serve`
bin/bench --script PATH        # the same with a script of yours
bin/bench                      # everyone; as root it installs what is missing, by apt-get
bin/bench --peers mod_cgid,scgi-cgihandler --scripts S1,S2 --rounds 5
bin/bench --micro              # what single pieces cost
```
"""


def pieces(data: dict[str, Any]) -> str:
    """The micro-benchmarks as tables, from pytest-benchmark's JSON."""
    about = data["machine_info"]
    processor = about["cpu"].get("brand_raw", about["machine"])
    text = f"{PIECES}\n{processor}; Python {about['python_version']}; {data['datetime'][:10]}.\n"
    groups: dict[str, list[list[str]]] = {}
    for row in data["benchmarks"]:
        groups.setdefault(row["group"], []).append([row["name"], number(microseconds(row))])
    for name, rows in groups.items():
        text += f"\n{markdown([name, 'µs'], rows)}\n"
    return text


def gain(results: Results) -> str:
    """What a user gains: the first thing to read. Empty where the reference was not measured."""
    scripts = [key for key in ("S1", "S2", "S3", "S4") if key in results.scripts]
    peers = [peer for peer in GAINERS if peer in results.peers]
    if results.reference != REFERENCE or not scripts or not peers:
        return ""
    header = ["Requests/s", *(results.data["scripts"][key].partition(":")[0] for key in scripts)]
    rows = [
        [results.what(peer), *(number(results.ratio(key, results.main, peer, REFERENCE)) for key in scripts)]
        for peer in peers
    ]
    return f"{GAIN.format(reference=results.what(REFERENCE))}\n{markdown(header, rows)}\n"


def document(results: Results, folder: Path, micro: dict[str, Any] | None = None) -> None:
    """Writes performance.md and performance.svg; `micro` is what `pieces` takes."""
    parts = [TITLE, *filter(None, [gain(results)]), INTRODUCTION, machine(results) + "\n"]
    if plot(results, folder / "performance.svg"):
        parts.append("![Requests per second as multiples of mod_cgid's](performance.svg)\n")
    for title, table in tables(results):
        parts.append(f"## {title}\n\n{table}\n")
    if found := aims(results, micro):
        parts.append(f"## Aims\n\nOf requests/s at concurrency 8, where nothing else is said.\n\n{found}\n")
    parts.append(LIMITS.read_text())
    if lines := list(remarks(results)):
        parts.append("## Not complete\n\n" + "".join(f"- {line}\n" for line in lines))
    if micro:
        parts.append(pieces(micro))
    parts.append(REPEAT)
    (folder / "performance.md").write_text("\n".join(parts))
