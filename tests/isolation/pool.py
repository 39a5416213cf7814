"""A pool with one worker over a copy of the citizens, the probe and the samples."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from cgicompat.processes import kill
from tests.harness.doors import CONFIGURATION, Scgi
from tests.harness.processes import REPOSITORY, children
from tests.harness.wire import Response
from tests.isolation.table import FOLDER, PROBE

# Says which process serves.
PID = 'import os\nprint("Content-Type: text/plain\\nX-Pid:", os.getpid(), "\\n")\n'


class Pool(Scgi):
    def __init__(self, runner: str, home: Path, configuration: str = CONFIGURATION) -> None:
        shutil.copytree(REPOSITORY / "samples", home / "www")
        citizens = home / "www" / "cgi-bin" / "citizens"
        shutil.copytree(FOLDER, citizens, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROBE, citizens)
        (citizens / "pid.py").write_text(PID)
        super().__init__(runner, home, configuration)

    def ask(self, name: str) -> Response:
        """Run one citizen, or `probe` or `pid`."""
        return self.open("GET", f"/cgi-bin/citizens/{name}.py").finish(30)

    def path(self, name: str) -> str:
        """Of a citizen."""
        return f"{self.root}/cgi-bin/citizens/{name}.py"

    def facts(self) -> list[str]:
        """What the probe tells."""
        page = self.ask("probe")
        assert page.status == 200 and page.body, self.log()[-2000:]
        return page.lines

    def renew(self) -> None:
        """Another process serves from now on."""
        for pid in children(self.server.pid):
            kill(pid, signal.SIGKILL)

    @property
    def worker(self) -> int:
        """The pid of the process that serves."""
        return self.ask("pid").pid
