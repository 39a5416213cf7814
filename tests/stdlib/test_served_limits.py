"""A form over its limit, where the script lets the ValueError through."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.harness.processes import host_environ

SCRIPT = """
import cgi
form = cgi.FieldStorage()
print("Content-Type: text/plain\\n")
print(len(form))
"""


@pytest.mark.parametrize("runner", ["fork", "cgihandler", "cgi"])
def test_is_answered_by_413(tmp_path, runner):
    (tmp_path / "form.py").write_text(SCRIPT)
    (tmp_path / "cgicompat.toml").write_text('env = { CGICOMPAT_FORM_FIELDS = "2" }\n')

    def send(form: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "cgicompat",
            "run",
            "form.py",
            "--runner",
            runner,
            "-i",
            "--data",
            form,
        ]
        return subprocess.run(command, cwd=tmp_path, env=host_environ(), capture_output=True, text=True)

    assert send("a=1&b=2").stdout.endswith("\n2\n")
    over = send("a=1&b=2&c=3")
    assert over.stdout.startswith("HTTP/1.1 413 ")
    assert 'stdlib/cgi.py", line' in over.stderr
    assert "Max number of fields exceeded" in over.stderr
    assert over.returncode == 1
