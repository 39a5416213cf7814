"""Reload, point 44 beyond single files: packages, releases, directories, installed modules.

What a script uses is what is on disk when it asks, without a restart and without a lost request. Where Python
itself would trust its bytecode, plain CGI may lag behind us; marks say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
import zipfile
from pathlib import Path

import pytest

from tests.harness.changes import CHANGES, by_rename, newer, older, restored, within_the_second
from tests.harness.doors import CONFIGURATION, Scgi, Site, wait_for_socket
from tests.harness.processes import Server, host_environ, until
from tests.harness.wire import Response

files = pytest.mark.doors("scgi", "cgi")  # the door has no part in what a process remembers of files
PYC = "Python trusts a cached module of the same size and second"


@files
@pytest.mark.parametrize(
    "change",
    [
        *(newer, older),
        *(
            pytest.param(change, marks=pytest.mark.unlike_apache(PYC))
            for change in (within_the_second, by_rename, restored)
        ),
    ],
)
def test_point_44_changed_parts_of_parts(site, tmp_path, change):
    """A helper's helper, a package itself and what is in it, and a module from outside of what is served."""
    parts = {
        site.file("deeper.py"): "",
        site.file("package/__init__.py"): "from . import inner\n",
        site.file("package/inner.py"): "",
        tmp_path / "outside.py": "",
    }
    (tmp_path / "outside.py").touch()
    site.file("helper.py", "import deeper\nTEXT = deeper.TEXT\n")
    script = site.script(
        f"""
        import sys
        sys.path.append({str(tmp_path)!r})
        import helper, outside, package
        print(helper.TEXT, package.TEXT, package.inner.TEXT, outside.TEXT)
        """
    )
    for version in "1231":
        for file, rest in parts.items():
            change(file, f"TEXT = {version}\n{rest}")
        assert site.get(script).lines == [" ".join(version * 4)]


@files
@pytest.mark.parametrize("change", CHANGES)
def test_point_44_changed_data_file(site, change):
    data = site.file("data.txt", "text 0")
    site.file("first.txt", "text 1")
    script = site.script(
        """
        import filecmp, linecache
        print(open("data.txt").read(), linecache.getline("data.txt", 1).strip())
        print(filecmp.cmp("data.txt", "first.txt"))
        """
    )
    for version in "1231":
        change(data, f"text {version}")
        assert site.get(script).lines == [f"text {version} text {version}", str(version == "1")]


@files
def test_point_44_release_by_a_link(site):
    """Another release directory of the same age, with other modules in it, becomes the current one."""
    for release in "12":
        site.file(f"releases/{release}/helper.py", f"TEXT = {release}\n")
        site.file(f"releases/{release}/package/__init__.py", "")
        site.file(f"releases/{release}/package/only{release}.py", f"TEXT = {release}\n")
        site.file(f"releases/{release}/only{release}.py", f"TEXT = {release}\n")
        site.script(
            f"""
            import helper, only{release}, package.only{release}
            print({release}, helper.TEXT, only{release}.TEXT, package.only{release}.TEXT)
            """,
            f"releases/{release}/script.py",
        )
        for path in site.directory.glob("releases/**/*"):
            os.utime(path, (1e9, 1e9))
    for release in "1221":
        (site.directory / "next").symlink_to(f"releases/{release}")
        (site.directory / "next").rename(site.directory / "current")
        page = site.get(f"{site.path}/current/script.py")
        assert page.lines == [" ".join(release * 4)], site.log()


@files
@pytest.mark.parametrize("folder", ["", "package/", "lib/"])
def test_point_44_directory_that_looks_unchanged(site, folder):
    """A module appears and goes, and the directory has its former time again, as a backup restores it."""
    site.file("package/__init__.py", "")
    directory = site.file(f"{folder}present.py").parent
    name = "package.added" if folder == "package/" else "added"
    script = site.script(
        f"""
        import importlib, sys
        sys.dont_write_bytecode = True
        sys.path.append("lib")
        try:
            print(importlib.import_module("{name}").TEXT)
        except ImportError as error:
            print(error)
        """
    )
    os.utime(directory, (1e9, 1e9))
    for text in (None, "one", None, "two"):
        if text:
            site.file(f"{folder}added.py", f"TEXT = '{text}'\n")
        else:
            (directory / "added.py").unlink(missing_ok=True)
        os.utime(directory, (1e9, 1e9))
        for _ in range(2):
            assert site.get(script).lines == [text or f"No module named '{name}'"]


@files
def test_point_44_module_becomes_a_package_and_back(site):
    script = site.script("import thing; print(thing.TEXT, hasattr(thing, '__path__'))")
    for kind in ("module", "package", "module", "bytecode"):
        shutil.rmtree(site.directory / "thing", ignore_errors=True)
        shutil.rmtree(site.directory / "__pycache__", ignore_errors=True)
        (site.directory / "thing.py").unlink(missing_ok=True)
        source = site.file("thing/__init__.py" if kind == "package" else "thing.py", f"TEXT = '{kind}'\n")
        if kind == "bytecode":
            subprocess.run([sys.executable, "-m", "compileall", "-q", "-b", source], check=True)
            source.unlink()
        for _ in range(2):
            assert site.get(script).lines == [f"{kind} {kind == 'package'}"]


def wheel(directory: Path, name: str, version: str) -> Path:
    """A distribution of one package."""
    about = f"{name}-{version}.dist-info"
    contents = {
        **{file: text.format(version) for file, text in PACKAGES[name].items()},
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{about}/RECORD"] = "".join(f"{file},,\n" for file in [*contents, f"{about}/RECORD"])
    file = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as zipped:
        for path, text in contents.items():
            zipped.writestr(path, text)
    return file


# One has a part; the other starts a thread of the C library, as numpy does.
PACKAGES = {
    "tiny": {"tiny/__init__.py": "from .part import VERSION\n", "tiny/part.py": "VERSION = '{}'\n"},
    "threaded": {
        "threaded.py": """\
import ctypes
library, thread = ctypes.CDLL(None), ctypes.c_ulong()
library.pthread_create(ctypes.byref(thread), None, library.pause, None)
VERSION = '{}'
"""
    },
}


class Environment(Scgi):
    """A pool on the Python of a virtual environment of its own, which also has the packages of ours."""

    def start(self):
        venv.create(self.home / "venv")
        self.python = str(self.home / "venv/bin/python")
        path = sysconfig.get_path("purelib", vars={"base": str(self.home / "venv")})
        Path(path, "ours.pth").write_text(sysconfig.get_path("purelib"))
        self.socket = str(self.home / "pool.sock")
        command = [self.python, "-m", "cgicompat", "pool", "--bind", f"unix:{self.socket}", str(self.root)]
        self.server = Server([*command, "--runner", self.runner], self.home)
        wait_for_socket(self.server, self.socket)

    def pip(self, *arguments: str | Path) -> None:
        command = [self.python, "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
        subprocess.run(command, check=True, env=host_environ(), stdin=subprocess.DEVNULL)


@pytest.mark.doors("scgi")
@pytest.mark.runners("cgihandler")
def test_point_44_packages_are_installed_upgraded_and_removed(home, request):
    """By pip, under a running pool and under requests for scripts of each runner."""
    pytest.importorskip("pip")
    runners = "".join(f"[script.'/cgi-bin/*/{name}*']\nrunner = '{name}'\n" for name in ("fork", "cgi"))
    door = Environment("cgihandler", home / "upgrade", CONFIGURATION + runners)
    request.addfinalizer(door.stop)
    site = Site(door, "case")
    source = """
        try:
            from {} import VERSION
        except ImportError:
            VERSION = "none"
        print(VERSION)
    """
    runners = ("fork", "cgi", "kept")
    scripts = {
        name: [site.script(source.format(name), f"{runner}-{name}.py") for runner in runners]
        for name in PACKAGES
    }
    pages: list[tuple[str, Response]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.02):
            pages.extend((script, site.get(script)) for group in scripts.values() for script in group)

    def shows(**versions: str) -> None:
        def show() -> bool:
            return all(
                site.get(script).lines == [version]
                for name, version in versions.items()
                for script in scripts[name]
            )

        until(show)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        shows(tiny="none", threaded="none")
        install = ("install", "--no-index", "--no-deps", "--upgrade")
        door.pip(*install, *(wheel(home, name, "1.0") for name in PACKAGES))
        shows(tiny="1.0", threaded="1.0")
        door.pip(*install, wheel(home, "threaded", "2.0"))
        shows(tiny="1.0", threaded="2.0")
        door.pip(*install, wheel(home, "tiny", "2.0"))
        shows(tiny="2.0", threaded="2.0")
        door.pip("uninstall", "--yes", *PACKAGES)
        shows(tiny="none", threaded="none")
    finally:
        stop.set()
        thread.join()
    assert not [asked for asked in pages if asked[1].status != 200], site.log()[-3000:]
