"""No random number comes twice, though each request begins with the memory of the one before.

REQUESTS in the environment is how many draw.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.xdist_group("rewind-randomness")

REQUESTS = int(os.environ.get("REQUESTS", "200"))

# A library that seeds itself anew in forked children, and one that has drawn before any of them was forked.
FORKING = """
import os, random
generator = random.Random()
os.register_at_fork(after_in_child=generator.seed)
"""
DRAW = """
import hashlib, random, secrets, sqlite3, ssl, string, tempfile, time, uuid, forking
try:
    import numpy
except ImportError:
    numpy = None
if os.environ["QUERY_STRING"] == "seed":
    random.seed(1)
    if numpy: numpy.random.seed(1)
    forking.generator.seed(1)
    ssl.RAND_bytes(3000)
else:
    print("random", random.random())
    print("letters", "".join(random.choices(string.ascii_letters, k=12)))
    print("libraries", forking.generator.random())
    print("ssl", ssl.RAND_bytes(8).hex())
    print("mkstemp", tempfile.mkstemp(dir=os.environ["TMPDIR"])[1])
    print("mktemp", tempfile.mktemp())
    print("uuid1", uuid.uuid1())
    print("uuid4", uuid.uuid4())
    print("secrets", secrets.token_hex(8))
    print("urandom", os.urandom(8).hex())
    print("getrandom", os.getrandom(8).hex())
    print("system", random.SystemRandom().random())
    print("own", random.Random().random())
    print("hash", hash((os.getpid(), time.time_ns())))
    print("digest", hashlib.md5(b"%d %d" % (os.getpid(), time.time_ns())).hexdigest())
    print("sqlite", *sqlite3.connect(":memory:").execute("select random()").fetchone())
    if numpy:
        print("numpy", numpy.random.random())
        print("numpy.randint", numpy.random.randint(1 << 62))
        print("numpy.generator", numpy.random.default_rng().random())
"""


@pytest.mark.timeout(120 + REQUESTS / 20)
@pytest.mark.parametrize("preloads", [(), ("forking", "ssl", "sqlite3", "numpy.random", "tempfile", "uuid")])
def test_no_number_comes_twice(start, preloads, tmp_path):
    for module in preloads:
        if module != "forking":
            pytest.importorskip(module)
    (tmp_path / "forking.py").write_text(FORKING)
    flags = [flag for module in preloads for flag in ("--preload", module)]
    environ = "--env", f"PYTHONPATH={tmp_path}", "--env", "OPENBLAS_NUM_THREADS=1"
    pool = start("--workers", "8", *flags, *environ)
    script = pool.script(f"os.environ['TMPDIR'] = {str(tmp_path)!r}\n{DRAW}")

    def draw(number: int) -> list[str]:
        # Where all workers import at once, the first are slow.
        page = pool.open(f"{script}?{'seed' * (number % 10 == 9)}").finish(60)
        assert page.status == 200 and "Traceback" not in pool.server.log, pool.server.log
        return page.lines[1:]

    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(draw, range(REQUESTS)))
    drawn = Counter(line for lines in answers for line in lines)
    assert len(drawn) > 16 * 0.9 * REQUESTS - 20
    assert not [line for line, times in drawn.items() if times > 1]
    assert "put back" not in pool.server.log
