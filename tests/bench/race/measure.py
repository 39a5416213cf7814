"""The race: starts the peers, and measures them in turns.

All are started at the beginning and stay. In each round each is asked for each script under each load, so
that whatever else the machine does meets all alike; of the rounds the median counts. Before the first, each
has been asked once, to see that its answer is right, and then for a moment with 8 connections, to warm up;
the memory is that at the end of this moment. A slow peer is measured for longer, so that each connection gets
a few answers.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import importlib.metadata
import importlib.util
import os
import platform
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.race import load, peers
from tests.bench.race.family import Family
from tests.bench.race.load import CLIENTS, LOADS, Load, Request
from tests.bench.race.peers import Need, Peer
from tests.bench.race.scripts import MEGABYTES_10, Script

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
ANSWERS = 4  # that each connection gets at least, unless that takes longer than
LONGEST = 20.0
WARM = next(each for each in LOADS if each.connections == 8)


class LeftOut(Exception):
    """Why a peer does not take part, or not with a script. Lines after the first are from its log."""


class Ended(LeftOut):
    """Its server has ended."""


@dataclass(frozen=True)
class Options:
    peers: Sequence[Peer]
    scripts: Sequence[Script]
    loads: Sequence[Load]
    rounds: int
    seconds: float
    client: str  # of load.CLIENTS
    before: Path | None = None  # another checkout of cgicompat


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def missing(need: Need) -> bool:
    if need.module:
        return importlib.util.find_spec(need.what) is None
    return shutil.which(need.what, path=PATH) is None and not Path(need.what).exists()


def install(wanted: Sequence[Peer]) -> None:
    """Installs what Debian has for the peers, where it can. What fails is seen later."""
    packages = {need.package for peer in wanted for need in peer.needs if not need.module and missing(need)}
    if not shutil.which("wrk"):
        packages.add("wrk")
    if not packages or os.getuid() or not shutil.which("apt-get"):
        return
    say(f"Installing {' '.join(sorted(packages))} ...")
    policy = Path("/usr/sbin/policy-rc.d")  # keeps the packages from starting their servers
    own = not policy.exists()
    if own:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        apt_get("update")
        for package in sorted(packages):  # one by one: one that does not exist must not stop the others
            apt_get("install", "-y", "--no-install-recommends", package)
    finally:
        if own:
            policy.unlink()


def environment(home: Path) -> tuple[Path, Path]:
    """Makes a virtual environment with nothing in it: its directories of programs and packages."""
    venv.create(home, symlinks=True)
    [packages] = (home / "lib").glob("python*/site-packages")
    return home / "bin", packages


def apt_get(*arguments: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    nothing = subprocess.DEVNULL
    subprocess.run(["apt-get", "-qq", *arguments], env=env, stdin=nothing, stdout=nothing)


class Site:
    """The document root that all peers serve, and interpreters: one with cgicompat and all that is installed,
    a bare one that runs the scripts as programs."""

    def __init__(self, home: Path, scripts: Sequence[Script], before: Path | None = None) -> None:
        self.home = home
        self.root = home / "www"
        self.bare, packages = environment(home / "bare")
        if importlib.util.find_spec("cgi") is None:  # Python 3.13: for a script as a program, ours
            shutil.copy(REPOSITORY / "cgicompat/stdlib/cgi.py", packages)
        (packages / "cgicompat").symlink_to(REPOSITORY / "cgicompat")
        self._program(REPOSITORY / "bin/cgicompat-cgi", self.bare / "cgicompat-cgi")
        self.python = self._interpreter(home / "ours", REPOSITORY)
        self.before = self._interpreter(home / "before", before) if before else None
        shutil.copytree(HERE / "site", self.root)
        # For our own pools scripts name no interpreter: one of an environment is started for each request.
        self.warm = home / "warm"
        shutil.copytree(self.root, self.warm)
        for file in (self.root / "cgi-bin").glob("*.py"):
            self._program(file, file)
        for root in (self.root, self.warm):
            (root / "data").mkdir()
            (root / "data" / "large.bin").write_bytes(bytes(MEGABYTES_10))
        if found := importlib.util.find_spec("multipart"):  # for rewrites under another Python
            shutil.copy(str(found.origin), self.root)
        for script in scripts:
            if script.file:
                self.take(Path(script.file))

    @staticmethod
    def _interpreter(home: Path, checkout: Path) -> Path:
        """One with cgicompat from a checkout, and with what is installed where we run, but not with what that
        does at each start: an editable installation (pip install -e) takes as long as all else."""
        programs, packages = environment(home)
        installed = [path for path in sys.path if path.endswith("-packages")]
        (packages / "installed.pth").write_text("\n".join([str(checkout), *installed]))
        shutil.copy(HERE / "ballast.py", packages)
        return programs / "python3"

    def _program(self, source: Path, target: Path) -> None:
        """Writes a Python program with the interpreter in its first line, as pip installs it."""
        target.write_text(source.read_text().replace("/usr/bin/env python3", str(self.bare / "python3"), 1))
        target.chmod(0o755)

    def take(self, script: Path) -> None:
        """Serves the directory of a user's script in place of ours, with its configuration."""
        for root in (self.root, self.warm):
            shutil.rmtree(root / "cgi-bin")
            (root / "cgi-bin").symlink_to(script.parent)
        for directory in script.parents:
            if (directory / "cgicompat.toml").exists():
                for root in (self.root, self.warm):
                    (root / "cgicompat.toml").symlink_to(directory / "cgicompat.toml")
                break


def target(peer: Peer, script: Script) -> str:
    """The URL path and query of a script. Raises LeftOut."""
    if script.key in peer.cannot:
        raise LeftOut(peer.cannot[script.key])
    if peer.only and script.key not in peer.only:
        raise LeftOut("not meant for it")
    if script.file and not peer.runs_scripts:
        raise LeftOut("it runs no scripts")
    path = f"/cgi-bin/{Path(script.file).name}" if script.file else peer.url.format(page=script.page)
    return f"{path}?{script.query}" if script.query else path


class Contestant:
    """A peer that runs."""

    def __init__(self, peer: Peer, site: Site) -> None:
        self.peer = peer
        for need in peer.needs:
            if missing(need):
                how = "pip install" if need.module else "as root: apt-get install"
                raise LeftOut(f"{need.what} is not there ({how} {need.package})")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = site.home / peer.name
        self.home.mkdir()
        self.family = Family(peer.name)
        try:
            for server in peer.servers:
                self._start(server, site)
        except BaseException:
            self.family.stop()
            raise

    def _start(self, server: peers.Server, site: Site) -> None:
        cores = os.cpu_count() or 1
        root = site.warm if self.peer.group == "cgicompat" else site.root
        values = {
            "home": self.home,
            "port": self.port,
            "root": root,
            "python": site.before if self.peer.before else site.python,
            "bare": site.bare,
            "cores": cores,
            "more": 2 * cores + 1,
            "user": "" if os.getuid() else "user root;",
        }
        if server.configuration:
            (self.home / server.name).write_text(server.configuration % values)
        env = {"PATH": PATH, "LANG": "C.UTF-8", "TMPDIR": str(self.home), "HOME": str(self.home)}
        env |= {name: value % values for name, value in server.env.items()}
        command = shlex.split(server.command % values)
        if server.not_as_root and not os.getuid():
            # The same user under another number, so that it may read what we may.
            command = ["unshare", "--user", "--map-user=33", "--map-group=33", *command]
        self.family.start(command, env, root, self.home / "log")

    def stop(self) -> None:
        self.family.stop()

    def request(self, script: Script) -> Request:
        headers = {**script.headers, **self.peer.headers}
        return Request(self.port, script.method, target(self.peer, script), headers, script.body)

    def check(self, script: Script) -> None:
        """Asks once. Raises LeftOut unless the answer is right."""
        request = self.request(script)
        before = self._logs()
        end = time.monotonic() + 15
        while True:
            connection = load.connect(request)
            try:
                status, body = load.ask(request, connection)
                if status != 502 or time.monotonic() > end:  # its second server is not there yet
                    break
            except (OSError, http.client.HTTPException) as error:
                if any(each.poll() is not None for each in self.family.started):
                    raise Ended(self._words("it does not run", {})) from None
                if time.monotonic() > end or not isinstance(error, ConnectionError):
                    raise LeftOut(self._words(str(error), before)) from None
            finally:
                connection.close()
            time.sleep(0.05)
        fine = status < 400 if script.file else status == 200  # a user's may well redirect
        if not fine or script.expects not in body:
            time.sleep(0.2)  # logs come later
            raise LeftOut(self._words(f"it answers {status} {body[:100]!r}", before))

    def _logs(self) -> dict[Path, int]:
        """How long they are."""
        files = self.home / "log", self.home / "error.log"
        return {file: file.stat().st_size for file in files if file.exists()}

    def _words(self, why: str, since: Mapping[Path, int]) -> str:
        """Why it is left out, with the end of what its logs have said since they were so long."""
        lines = [
            line.decode(errors="replace")
            for file in self._logs()
            for line in file.read_bytes()[since.get(file, 0) :].splitlines()
        ]
        return "\n    ".join([why, *lines[-6:]])


@dataclass(frozen=True, eq=False)
class Entry:
    """A contestant with a script that it can serve; requests/s and memory in MB of its warming up."""

    contestant: Contestant
    script: Script
    request: Request
    rate: float
    memory: float


def race(options: Options) -> dict[str, Any]:
    """The results, as they are written to JSON."""
    left_out: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        running = start(options, stack, left_out)
        entries = warm_up(options, running, left_out)
        samples = in_turns(options, entries) if entries else {}
    return {
        "machine": machine(options),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "cgroups": all(contestant.family.group for contestant in running),
        "peers": {peer.name: {"group": peer.group, "what": peer.what} for peer in options.peers},
        "scripts": {script.key: script.what for script in options.scripts},
        "loads": [each.name for each in options.loads],
        "left out": left_out,
        "results": [
            {
                "script": entry.script.key,
                "load": each.name,
                "peer": entry.contestant.peer.name,
                **{column: statistics.median(row[column] for row in rows) for column in rows[0]},
                "memory": entry.memory,
                "rounds": rows,
            }
            for (entry, each), rows in samples.items()
        ],
    }


def together(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What race() has returned in several runs, each for scripts of its own, as if it were from one."""
    whole = dict(runs[0])
    for run in runs[1:]:
        for key in ("peers", "scripts", "left out"):
            whole[key] = {**whole[key], **run[key]}
        whole["results"] = whole["results"] + run["results"]
    return whole


def start(options: Options, stack: contextlib.ExitStack, left_out: dict[str, str]) -> list[Contestant]:
    """The peers that can be started; `stack` ends them."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    site = Site(home, options.scripts, options.before)
    running = []
    for peer in options.peers:
        try:
            contestant = Contestant(peer, site)
        except LeftOut as why:
            left_out[peer.name] = str(why)
            say(f"{peer.name} is left out: {why}")
        else:
            stack.callback(contestant.stop)
            running.append(contestant)
    return running


def warm_up(options: Options, running: Sequence[Contestant], left_out: dict[str, str]) -> list[Entry]:
    """Everyone with every script that it answers."""
    entries = []
    for script in options.scripts:
        for contestant in running:
            peer = contestant.peer
            if peer.name in left_out:
                continue
            try:
                contestant.check(script)
            except Ended as why:
                left_out[peer.name] = str(why)
                say(f"{peer.name} is left out: {why}")
                continue
            except LeftOut as why:
                left_out[f"{peer.name} {script.key}"] = str(why)
                if not peer.only:
                    say(f"{peer.name} is left out for {script.key}: {why}")
                continue
            request = contestant.request(script)
            seconds = min(1.0, options.seconds)
            memory: list[float] = []
            figures = CLIENTS[options.client](
                request, WARM, seconds, lambda c=contestant, m=memory: m.append(c.family.memory())
            )
            rate = max(figures.requests / figures.seconds, 0.1)
            entries.append(Entry(contestant, script, request, rate, memory[0]))
    return entries


def in_turns(options: Options, entries: Sequence[Entry]) -> dict[tuple[Entry, Load], list[dict[str, float]]]:
    """What each round measured."""
    turns = [
        (entry, each)
        for each in options.loads
        for entry in entries
        if not each.only or entry.script.key in each.only
    ]
    seconds = options.rounds * sum(duration(options, *turn) for turn in turns)
    say(f"{options.rounds * len(turns)} measurements, in about {seconds / 60:.1f} minutes ...")
    samples: dict[tuple[Entry, Load], list[dict[str, float]]] = {}
    for number in range(options.rounds):
        for script in options.scripts:
            for turn in turns:
                if turn[0].script is script:
                    samples.setdefault(turn, []).append(one(options, *turn))
            say(f"round {number + 1} of {options.rounds}, {script.key}: done")
    return samples


def duration(options: Options, entry: Entry, each: Load) -> float:
    """Seconds of one measurement."""
    return max(options.seconds, min(LONGEST, ANSWERS * each.connections / entry.rate))


def one(options: Options, entry: Entry, each: Load) -> dict[str, float]:
    """One measurement: requests/s, times and CPU in ms, of one request."""
    family = entry.contestant.family
    before = family.cpu()
    figures = CLIENTS[options.client](entry.request, each, duration(options, entry, each))
    used = family.cpu() - before
    if figures.failed:
        say(f"{entry.contestant.peer.name} {entry.script.key}: {figures.failed} requests failed")
    return {
        "rate": figures.requests / figures.seconds,
        "p50": figures.p50,
        "p99": figures.p99,
        "cpu": used / max(figures.requests, 1) * 1000,
        "failed": figures.failed,
    }


def machine(options: Options) -> dict[str, str]:
    """What the figures depend on."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    versions = {"Python": platform.python_version()}
    needs = {need.package: need for peer in options.peers for need in peer.needs}
    for package in ("uvicorn", *needs):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError, OSError):
            if package not in needs or needs[package].module:
                versions[package] = importlib.metadata.version(package)
            elif found := debian_version(package):
                versions[package] = found
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{model}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "client": options.client,
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def debian_version(package: str) -> str:
    """Empty where it is not installed."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
