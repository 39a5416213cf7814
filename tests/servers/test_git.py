"""The real git client through `serve` against `git http-backend`, a CGI program with chunked, compressed and
large bodies in both directions."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.doors import Serve, Site

pytestmark = pytest.mark.xdist_group("git")

Git = Callable[..., str]

WRAPPER = """\
#!/bin/sh
GIT_PROJECT_ROOT=%s GIT_HTTP_EXPORT_ALL=1 exec git http-backend
"""


@pytest.fixture(scope="module")
def git(tmp_path_factory) -> Git:
    """Runs git without anybody's settings; returns what it prints."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "C",
        "GIT_COMMITTER_EMAIL": "c@example.org",
    }

    def run(*arguments: str | Path, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd, env=environ, capture_output=True, text=True, timeout=50
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    return run


@pytest.fixture(scope="module")
def url(home: Path, git: Git) -> Iterator[str]:
    """Where a repository with a hundred branches is served; it may be pushed to."""
    root = home / "repositories"
    git("init", "-q", "--bare", "-b", "main", root / "project.git")
    git("config", "http.receivepack", "true", cwd=root / "project.git")
    seed = home / "seed"
    git("init", "-q", "-b", "main", seed)
    (seed / "README").write_text("hello\n")
    git("add", "README", cwd=seed)
    git("commit", "-q", "-m", "first", cwd=seed)
    for i in range(100):
        git("update-ref", f"refs/heads/branch-{i}", commit(git, seed, f"commit {i}"), cwd=seed)
    git("push", "-q", root / "project.git", "--all", cwd=seed)

    door = Serve("cgi", home / "serve-git")
    site = Site(door, "git")
    site.file("backend", WRAPPER % root, 0o755)
    yield f"http://127.0.0.1:{door.address[1]}{site.path}/backend/project.git"
    door.stop()


def commit(git: Git, repository: Path, message: str) -> str:
    """A commit of its own, so that the client has much to ask for."""
    return git("commit-tree", "HEAD^{tree}", "-m", message, cwd=repository).strip()


def test_ls_remote(git: Git, url: str):
    lines = git("ls-remote", url).splitlines()
    assert len([line for line in lines if "refs/heads/branch-" in line]) == 100


def test_clone_and_push_20_megabytes(git: Git, url: str, tmp_path: Path):
    git("clone", "-q", url, tmp_path / "clone")
    assert (tmp_path / "clone" / "README").read_text() == "hello\n"
    branches = git("branch", "-r", cwd=tmp_path / "clone").split()
    assert len([branch for branch in branches if "branch-" in branch]) == 100

    data = os.urandom(20 << 20)
    (tmp_path / "clone" / "data").write_bytes(data)
    git("add", "data", cwd=tmp_path / "clone")
    git("commit", "-q", "-m", "20 MB", cwd=tmp_path / "clone")
    # more than the buffer holds is sent in chunks
    git("-c", "http.postBuffer=65536", "push", "-q", "origin", "main", cwd=tmp_path / "clone")

    git("clone", "-q", url, tmp_path / "again")
    assert (tmp_path / "again" / "data").read_bytes() == data
    heads = [git("rev-parse", "HEAD", cwd=tmp_path / name) for name in ("clone", "again")]
    assert heads[0] == heads[1]
