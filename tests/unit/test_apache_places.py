"""Where a user's files are, by UserDir."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from cgicompat.apache.places import Users


def test_homes_of_users(tmp_path: Path, monkeypatch) -> None:
    me = pwd.getpwuid(os.getuid())
    there = pwd.struct_passwd((*me[:5], str(tmp_path), me[6]))
    monkeypatch.setattr(pwd, "getpwnam", {"ann": there}.__getitem__)
    (tmp_path / "public_html").mkdir()
    users = Users()
    users.places = ("public_html",)
    folder = f"{tmp_path}/public_html"
    assert users.find("/~ann/a/b") == (folder, "a/b")
    assert users.find("/~ann") == users.find("/~ann/") == (folder, "")
    assert [users.find(url) for url in ("/~bob/a", "/~/a", "/~../a", "/ann/a")] == [None] * 4
    assert users.owner(f"{folder}/a/b") == folder
    assert users.owner(f"{tmp_path}/other/b") == ""
    users.disabled = {"ann"}
    assert users.find("/~ann/a") is None
    users.disabled, users.everybody = set(), False
    assert users.find("/~ann/a") is None
    users.enabled = {"ann"}
    assert users.find("/~ann/a") == (folder, "a")
