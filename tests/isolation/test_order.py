"""The order of requests makes no difference.

Random sequences of all samples, all citizens and the probe are asked of one `cgihandler` process; each answer
equals that of a process started for this request alone. ORDERS=N in the environment tries N random sequences
in place of the few of the suite, which are the same each time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.processes import REPOSITORY
from tests.isolation.pool import Pool
from tests.isolation.table import CITIZENS

pytestmark = [pytest.mark.xdist_group("order"), pytest.mark.timeout(0 if "ORDERS" in os.environ else 120)]

FORM = "name=Zo%C3%AB&topping=olives&topping=onions&comments=50%25"
PARTS = (
    b"--limit\r\nContent-Disposition: form-data; name=description\r\n\r\nOne file\r\n"
    b'--limit\r\nContent-Disposition: form-data; name=file; filename="photo.jpg"\r\n\r\n%b\r\n--limit--\r\n'
) % (bytes(range(256)) * 40)
FORM_TYPE = ("Content-Type", "application/x-www-form-urlencoded")
PARTS_TYPE = ("Content-Type", "multipart/form-data; boundary=limit")


@dataclass(frozen=True)
class Request:
    script: str
    query: str | None = None
    info: str = ""
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        return " ".join(filter(None, (self.method, self.script + self.info, self.query)))


SAMPLES = [
    Request("/today.cgi"),
    Request("/cgi-bin/hello.py"),
    Request("/cgi-bin/form.py"),
    Request("/cgi-bin/form.py", FORM),
    Request("/cgi-bin/form.py", method="POST", headers=(FORM_TYPE,), body=FORM.encode()),
    Request("/cgi-bin/upload.py", method="POST", headers=(PARTS_TYPE,), body=PARTS),
    Request("/cgi-bin/cookies.py", "colour=pink"),
    Request("/cgi-bin/cookies.py", headers=(("Cookie", "visits=7; colour=lightblue"),)),
    *(Request("/cgi-bin/redirect.py", f"to={to}") for to in ("absolute", "local", "moved", "gone")),
    Request("/cgi-bin/chart.py", "data=1,5,3&width=20&height=9"),
    Request("/cgi-bin/download.py"),
    Request("/cgi-bin/countdown.py", "from=3&delay=0.01"),
    *(Request("/cgi-bin/browse.py", info=info) for info in ("", "/recipes", "/recipes/tea.txt", "/nothing")),
    Request("/cgi-bin/search.py", "milk+tea"),
    Request("/cgi-bin/env.py", "x=1", info="/a b", headers=(("X-Colour", "blue"),)),
    Request("/cgi-bin/oops.py"),
    Request("/cgi-bin/nph-clock.py"),
    Request("/cgi-bin/shop/shop.py", "item=tea&item=tea"),
]
LEFT_OUT = {
    "calendar.pl": "another language: never in the process",
    "counter.py": "counts visits in a file",
    "fortune.sh": "another language: never in the process",
    "guestbook.py": "keeps its entries in a file",
    "status.py": "tells the time and how full the disk is",
}
REQUESTS = [
    *SAMPLES,
    *(Request(f"/cgi-bin/citizens/{citizen.name}.py") for citizen in CITIZENS if citizen.can_run),
    *[Request("/cgi-bin/citizens/probe.py")] * 10,  # that it comes often enough
]


def test_no_sample_is_forgotten() -> None:
    scripts = {
        path.name
        for path in (REPOSITORY / "samples").rglob("*")
        if os.access(path, os.X_OK) and path.is_file()
    }
    assert scripts == {request.script.rpartition("/")[2] for request in SAMPLES} | LEFT_OUT.keys()


def answer(pool: Pool, request: Request) -> bytes:
    """What comes back, but for what differs by nature: the time, a pid, an address, where the site lies."""
    exchange = pool.open(
        request.method, request.script, request.info, request.query, request.headers, request.body
    )
    raw = exchange.finish(30).raw.replace(str(pool.root).encode(), b"/root-of-the-site")
    return re.sub(rb"\d\d:\d\d:\d\d|X-Pid: \d+|0x[0-9a-f]+", b"...", raw)


@pytest.fixture(scope="module")
def alone(start: Callable[..., Pool]) -> Callable[[Request], bytes]:
    """The answer of a process that was started for this request."""
    pool = start("cgi")
    known: dict[Request, bytes] = {}

    def ask(request: Request) -> bytes:
        if request not in known:
            known[request] = answer(pool, request)
        return known[request]

    return ask


@pytest.fixture(scope="module")
def together(start: Callable[..., Pool]) -> Pool:
    return start()


@settings(
    max_examples=int(os.environ.get("ORDERS", 15)),
    derandomize="ORDERS" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(sequence=st.lists(st.sampled_from(REQUESTS), min_size=2, max_size=20))
def test_each_answer_is_that_of_a_fresh_process(
    together: Pool, alone: Callable[[Request], bytes], sequence: list[Request]
) -> None:
    together.ask("nice")  # another process for each sequence
    for number, request in enumerate(sequence):
        assert answer(together, request) == alone(request), sequence[: number + 1]
