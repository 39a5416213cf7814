"""A form over its limit, where the script lets the ValueError through."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
    command = [sys.executable, "-m", "cgicompat", "run", "form.py", "--runner", runner, "-i", "--data"]
    within = subprocess.run([*command, "a=1&b=2"], cwd=tmp_path, capture_output=True, text=True)
    assert within.stdout.endswith("\n2\n")
    over = subprocess.run([*command, "a=1&b=2&c=3"], cwd=tmp_path, capture_output=True, text=True)
    assert over.stdout.startswith("HTTP/1.1 413 ")
    assert 'stdlib/cgi.py", line' in over.stderr
    assert "Max number of fields exceeded" in over.stderr
    assert over.returncode == 1
