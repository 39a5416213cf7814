"""A process that can run hello, as a worker can: what worker.py and heap.py have in common."""

from __future__ import annotations

import fcntl
import os
import socket
import sys

from cgicompat import config
from cgicompat.descriptors import LOWEST
from cgicompat.modules import LIBRARY
from cgicompat.request import Request
from cgicompat.runners import here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.runners import Runner

HELLO = 'print("Content-Type: text/plain\\n\\nhello")\n'
ENVIRON = {
    "PATH": os.defpath,
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": "nginx/1.22.1",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_ADDR": "127.0.0.1",
    "SERVER_PORT": "80",
    "SERVER_NAME": "localhost",
    "REMOTE_ADDR": "127.0.0.1",
    "REQUEST_METHOD": "GET",
    "REQUEST_SCHEME": "http",
    "REQUEST_URI": "/cgi-bin/hello.py",
    "QUERY_STRING": "",
    "SCRIPT_NAME": "/cgi-bin/hello.py",
    "HTTP_HOST": "localhost",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
}


def set_up(bare: frozenset[str]) -> config.Settings:
    """Make this process one that can run hello.py, which is put into the working directory. `bare` are the
    modules that a fresh interpreter has."""
    here.handle_signals(os.getpid())
    LIBRARY.configure(bare, sys.path[1:], [os.getcwd()])
    with open("hello.py", "w") as file:
        file.write(HELLO)
    return config.load(os.getcwd())


def once(settings: config.Settings, number: int, run: Runner) -> None:
    """One run of hello; `number` makes its environment another than the one before."""
    ours, connection = socket.socketpair()
    peer = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, LOWEST + 100)
    ours.close()
    script = os.path.join(settings.directory, "hello.py")
    request = Request(settings, script, {**ENVIRON, "SCRIPT_FILENAME": script, "REMOTE_PORT": str(number)})
    outcome = run(request, connection, os.open(os.devnull, os.O_RDONLY))
    answer = os.read(peer, 100)
    os.close(peer)
    if outcome.spent or not answer.endswith(b"\n\nhello\n"):
        raise RuntimeError(f"{answer!r}, {outcome.spent}")
