"""Who answers `import cgi`: ours by the finder, install() or PYTHONPATH, but before that a script's own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cgicompat import stdlib
from tests.stdlib import support

ROOT = os.path.dirname(os.path.dirname(support.FOLDER))


def test_finder_answers_cgi_and_cgitb_alone():
    for name in ("cgi", "cgitb"):
        spec = stdlib.FINDER.find_spec(name)
        assert (spec.name, spec.origin) == (name, os.path.join(support.FOLDER, f"{name}.py"))
    assert stdlib.FINDER.find_spec("html") is None
    assert stdlib.FINDER.find_spec("package.cgi", []) is None


def test_a_module_before_the_standard_library_wins(tmp_path, monkeypatch):
    (tmp_path / "cgi.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert stdlib.FINDER.find_spec("cgi").origin == str(tmp_path / "cgi.py")
    assert stdlib.FINDER.find_spec("cgitb").origin.startswith(support.FOLDER)


def test_a_module_behind_the_standard_library_does_not(tmp_path, monkeypatch):
    (tmp_path / "cgi.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert stdlib.FINDER.find_spec("cgi").origin.startswith(support.FOLDER)


def python(version: str, code: str, *options: str, **environ: str) -> list[str]:
    program = support.interpreter(version)
    if program is None:
        pytest.skip(f"no python{version} on PATH or under pyenv")
    command = [program, *options, "-c", code]
    run = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


VERSIONS = pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])


@VERSIONS
def test_folder_on_pythonpath(version):
    code = "import cgi, cgitb; print(cgi.__name__, cgi.__file__, cgitb.__name__, cgitb.__file__)"
    names = ["cgi", f"{support.FOLDER}/cgi.py", "cgitb", f"{support.FOLDER}/cgitb.py"]
    assert python(version, code, "-W", "error", PYTHONPATH=support.FOLDER) == names


@VERSIONS
def test_install_and_uninstall(version):
    code = """if True:
        import sys
        def where():
            try:
                import cgi
            except ImportError:
                return None
            return cgi.__file__
        before, paths = where(), list(sys.meta_path)
        from cgicompat.stdlib import install, uninstall
        uninstall()
        assert where() == before
        install(); install()
        print(where())
        import cgi as ours
        uninstall(); uninstall()
        assert where() == before and sys.meta_path == paths
        install()
        import cgi
        assert cgi.__file__ == ours.__file__
    """
    assert python(version, code, "-W", "ignore", PYTHONPATH=ROOT) == [f"{support.FOLDER}/cgi.py"]


def test_importing_the_package_loads_nothing_else():
    code = (
        "import __future__, sys; old = set(sys.modules); import cgicompat.stdlib; "
        "print(*sorted(set(sys.modules) - old))"
    )
    loaded = python(f"{sys.version_info[0]}.{sys.version_info[1]}", code, PYTHONPATH=ROOT)
    assert loaded == ["cgicompat", "cgicompat.stdlib"]
