"""One measurement for bench_cgi.py, in a process of its own: prints seconds, or bytes for `memory`.

    python -I measure_cgi.py CONTESTANT FOLDER CASE SIZE

CONTESTANT is `multipart` or a module `cgi`, which stands in FOLDER if that is not empty. CASE is `import`,
`get` (a short query), `form` (SIZE urlencoded fields), `parts` (a form of SIZE small parts), `upload` (SIZE
bytes) or `memory` (peak of an upload of SIZE bytes). Only what an interpreter has loaded anyway is imported
before the start.
"""

import sys
import time

contestant, folder, case, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if folder:
    sys.path.insert(0, folder)
start = time.perf_counter()
if contestant == "multipart":
    import multipart as module
else:
    import cgi as module
seconds = time.perf_counter() - start
if case == "import":
    print(seconds)
    sys.exit()

import io  # noqa: E402
import random  # noqa: E402
import resource  # noqa: E402
from collections.abc import Iterator  # noqa: E402

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
END = f"--{BOUNDARY}--\r\n".encode()


def part(headers: str, content: bytes) -> bytes:
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {headers}\r\n\r\n".encode() + content + b"\r\n"


class Upload(io.RawIOBase):
    """One file of noise; it is never in memory as a whole."""

    def __init__(self) -> None:
        self.pieces = self.make()
        self.rest = memoryview(b"")

    def make(self) -> Iterator[bytes]:
        begin = part('name="f"; filename="f.bin"\r\nContent-Type: application/octet-stream', b"")[:-2]
        yield begin
        noise = random.Random(1).randbytes(1 << 20)
        left = size - len(begin) - len(END) - 2
        while left:
            yield noise[:left]
            left -= len(noise[:left])
        yield b"\r\n" + END

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        self.rest = self.rest or memoryview(next(self.pieces, b""))
        n = min(len(buffer), len(self.rest))
        buffer[:n], self.rest = self.rest[:n], self.rest[n:]
        return n


body = b""
environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}"}
if case == "get":
    environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": "name=Ann&page=2&sort=up"}
elif case == "form":
    environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
    body = "&".join(f"field{i}=value+{i}%20x" for i in range(size)).encode()
elif case == "parts":
    body = b"".join(part(f'name="field{i}"', b"value %d" % i) for i in range(size)) + END
environ["CONTENT_LENGTH"] = str(len(body) or size)


def run() -> float:
    fp = io.BytesIO(body) if case in ("get", "form", "parts") else io.BufferedReader(Upload())
    start = time.perf_counter()
    if contestant == "multipart":
        limits = {"part_limit": 100_000, "memory_limit": 1 << 30}
        _, files = module.parse_form_data({**environ, "wsgi.input": fp}, strict=True, **limits)
        for _, file in files.iterallitems():
            file.close()
    else:
        for field in module.FieldStorage(fp, environ=environ).list:
            if field.file:
                field.file.close()
    return time.perf_counter() - start


if case == "memory":
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) * 1024)
else:
    run()
    until = time.perf_counter() + 0.5
    times = [run()]
    while time.perf_counter() < until:
        times.append(run())
    print(min(times))
