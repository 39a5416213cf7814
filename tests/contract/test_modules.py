"""Modules of scripts, points 3, 4 and 6: every way to import is what it is in plain CGI.

A case is a directory with scripts and what they import. Its scripts are asked after themselves and after each
other, of one process where the runner keeps one, and each time the answer is the one written here: that of a
process that has imported nothing yet. (`--doors apache` asks plain CGI whether it is.)
"""

from __future__ import annotations

import functools
import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.doors import Site
from tests.harness.processes import host_environ
from tests.harness.python import unless_built_in

pytestmark = pytest.mark.doors("scgi", "cgi")  # the door has no part in this


def answers(site: Site, expected: dict[str, str], same_process: bool = True) -> None:
    """Ask the scripts that are the keys, in both orders and each after itself; they print the values."""
    scripts = list(expected)
    pages = []
    for name in scripts + scripts[::-1] + scripts[:1]:
        page = site.get(f"{site.path}/{name}")
        assert (name, page.body.decode()) == (name, expected[name]), site.log()
        pages.append(page)
    if same_process:
        site.same_process(*pages)


def test_point_03_namespace_package(site):
    site.file("space/one.py", "seen = []\n")
    site.file("space/deep/er.py", "from .. import one\none.seen.append(__name__)\n")
    site.file("more/space/two.py", "from space import one\none.seen.append(__name__)\n")
    site.script(
        """
        import space, space.deep.er, sys
        print(space.one.seen, getattr(space, "__file__", None), len(space.__path__))
        sys.path.append("more")
        import space.two
        print(space.one.seen, len(space.__path__))
        """
    )
    site.script("import space.one; print(space.one.seen, len(space.__path__))", name="other.py")
    answers(
        site,
        {
            "script.py": "['space.deep.er'] None 1\n['space.deep.er', 'space.two'] 2\n",
            "other.py": "[] 1\n",
        },
    )


def test_point_03_namespace_package_whose_parent_is_taken_away(site):
    site.file("space/deep/er.py")
    site.script("import sys, space.deep.er\ndel sys.modules['space']\nprint('done')")
    answers(site, {"script.py": "done\n"})
    assert "KeyError" not in site.log()


def test_point_03_package_with_relative_imports(site):
    site.file("package/__init__.py", "from . import log\nfrom .deep import leaf\nlog.seen.append(__name__)\n")
    site.file("package/log.py", "seen = []\n")
    site.file("package/deep/__init__.py", "from ..log import seen\nseen.append(__name__)\n")
    site.file("package/deep/leaf.py", "from .. import log\nfrom . import *\nlog.seen.append(__name__)\n")
    site.script(
        """
        import package
        print(package.log.seen, package.deep.leaf.__package__, package.__spec__.parent)
        try:
            from . import package
        except ImportError as error:
            print(error)
        """
    )
    seen = "['package.deep', 'package.deep.leaf', 'package']"
    error = "attempted relative import with no known parent package"
    answers(site, {"script.py": f"{seen} package.deep package\n{error}\n"})


def test_point_03_reload_of_a_helper(site):
    site.file("helper.py", "try:\n    count += 1\nexcept NameError:\n    count = 1\n")
    site.script("import helper, importlib\nprint(helper.count, importlib.reload(helper).count)")
    answers(site, {"script.py": "1 2\n"})


@pytest.mark.parametrize("name", ["json", "string", "logging", "random", "os", "sys"])
def test_point_03_reload_of_a_standard_module(site, name):
    site.script(
        f"""
        import importlib, {name}
        before = {name}
        print(importlib.reload({name}) is before is __import__("{name}"))
        """
    )
    site.script(
        """
        import json, logging, os, random, string, sys
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        logging.warning(json.dumps([string.Template("$x").substitute(x=1)]))
        print(os.getenv("REQUEST_METHOD"), random.randint(3, 3), isinstance(random._inst, random.Random))
        """,
        name="uses.py",
    )
    answers(site, {"script.py": "True\n", "uses.py": '["1"]\nGET 3 True\n'}, same_process=False)


def test_point_03_circular_imports(site):
    site.file("a.py", "import b\ndef name(): return b.NAME\nNAME = 'a'\nseen = b.seen\n")
    site.file("b.py", "import a\nseen = hasattr(a, 'NAME')\nNAME = 'b'\ndef name(): return a.NAME\n")
    site.file("c.py", "from d import NAME\n")
    site.file("d.py", "from c import NAME\n")
    site.script(
        """
        import a, b
        print(a.name(), b.name(), a.seen)
        try:
            import c
        except ImportError as error:
            print(str(error).partition(" (")[0])
        """
    )
    circular = "cannot import name 'NAME' from partially initialized module 'c'"
    answers(site, {"script.py": f"b a False\n{circular}\n"})


def test_point_03_helper_imported_inside_a_function(site):
    site.file("helper.py", "calls = []\n")
    site.script(
        """
        import sys
        def work():
            import helper
            helper.calls.append(1)
            return len(helper.calls)
        print("helper" in sys.modules, work(), work())
        """
    )
    answers(site, {"script.py": "False 1 2\n"})


def test_point_03_star_import(site):
    site.file("all.py", "__all__ = ['one', '_two']\none, _two, three = 1, 2, 3\n")
    site.file("public.py", "import os\nfour, _five = 4, 5\n")
    site.script(
        """
        known = set(globals())
        from all import *
        from public import *
        print(sorted(set(globals()) - known - {"known"}), one, _two, four)
        """
    )
    answers(site, {"script.py": "['_two', 'four', 'one', 'os'] 1 2 4\n"})


def test_point_03_helpers_that_change_themselves(site):
    site.file("replaced.py", "import sys\nclass Thing:\n    value = 1\nsys.modules[__name__] = Thing()\n")
    site.file(
        "typed.py",
        "import sys, types\nclass Typed(types.ModuleType):\n    value = property(lambda self: 2)\n"
        "sys.modules[__name__].__class__ = Typed\n",
    )
    site.file("lazy.py", "def __getattr__(name):\n    globals()[name] = 3\n    return 3\n")
    site.script(
        """
        import lazy, replaced, typed
        print(replaced.value, type(replaced).__name__, typed.value, "value" in vars(lazy), lazy.value)
        replaced.value = typed.other = lazy.value = 4
        """
    )
    answers(site, {"script.py": "1 Thing 2 False 3\n"})


def test_point_03_module_that_is_there_at_the_second_try(site):
    site.file("helper.py", "import os\nif not os.path.exists('ready'):\n    raise ImportError('not yet')\n")
    site.file("package/__init__.py", "value = []\n")
    site.file("package/bad.py", "import package, other\n")
    site.script(
        """
        import os, sys
        for name in ("helper", "package.bad"):
            try:
                __import__(name)
            except ImportError as error:
                print(error, name in sys.modules)
        open("ready", "w").close()
        open("other.py", "w").write("here = True\\n")
        sys.path_importer_cache.clear()
        import helper, package.bad
        print(package.bad.other.here, package.value)
        package.value.append(1)
        os.unlink("ready")
        os.unlink("other.py")
        __import__("shutil").rmtree("__pycache__", ignore_errors=True)
        """
    )
    answers(
        site, {"script.py": "not yet False\nNo module named 'other' False\nTrue []\n"}, same_process=False
    )


def test_point_03_a_helpers_failure_does_not_stay(site):
    site.file("helper.py", "import os\nassert not os.environ['QUERY_STRING'], 'asked to fail'\nvalue = 1\n")
    script = site.script("import helper; print(helper.value)", head=True)
    for query, body in [(None, b"1\n"), ("fail", b""), ("fail", b""), (None, b"1\n"), (None, b"1\n")]:
        assert site.get(script, query).body == body


FAKES = {
    "a new name": "sys.modules['fake'] = types.SimpleNamespace(value='fake'); import fake",
    "a standard module": "import types as fake; fake = types.SimpleNamespace(value='fake')\n"
    "sys.modules['json'] = fake; import json as fake",
    "a module": "fake = sys.modules['colorsys'] = types.ModuleType('colorsys'); fake.value = 'fake'",
    "none": "sys.modules['json'] = None\ntry:\n    import json\nexcept ImportError:\n"
    "    fake = types.SimpleNamespace(value='fake')",
    "an alias": "import decimal; sys.modules['alias'] = decimal\nimport alias as fake; fake.value = 'fake'",
}


@pytest.mark.parametrize("fake", FAKES)
def test_point_03_fakes_in_sys_modules(site, fake):
    site.file("helper.py", f"import sys, types\n{FAKES[fake]}\n")
    site.script("import helper; print(helper.fake.value)")
    site.script(
        """
        import colorsys, decimal, json, sys
        print(json.dumps([1]), hasattr(colorsys, "hls_to_rgb"), hasattr(decimal, "value"))
        print("fake" in sys.modules, "alias" in sys.modules)
        """,
        name="plain.py",
    )
    answers(site, {"script.py": "fake\n", "plain.py": "[1] True False\nFalse False\n"}, same_process=False)


def test_point_03_modules_loaded_by_hand(site):
    site.file("helper.py", "seen = []\n")
    site.file("settings.py", "value = 1\nseen.append(value)\n")
    site.script(
        """
        import importlib.machinery, importlib.util, os, sys
        seen = []
        exec(open("settings.py").read())
        spec = importlib.util.spec_from_file_location("by_hand", os.path.abspath("helper.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.seen.append(1)
        sys.modules["by_hand"] = module
        import by_hand
        other = importlib.import_module("helper")
        del sys.modules["helper"]
        import helper
        helper.seen.append(other is helper)
        print(seen, by_hand.seen, other.seen, helper.seen, sys.modules["by_hand"] is module)
        """
    )
    site.script("import sys; print('by_hand' in sys.modules)", name="plain.py")
    answers(site, {"script.py": "[1] [1] [] [False] True\n", "plain.py": "False\n"})


@pytest.mark.runners("cgi")  # the others keep modules loaded, as docs/isolation.md says
def test_point_03_lazily_imported_submodules(site):
    """A script that forgot an import fails whoever has imported it before."""
    site.script(
        """
        import concurrent.futures, email.mime.text, os.path, xml.dom.minidom
        print(concurrent.futures.ThreadPoolExecutor.__name__, xml.dom.minidom.parseString("<a/>").toxml())
        print(email.mime.text.MIMEText("x").get_payload())
        """
    )
    site.script(
        """
        import concurrent, email, xml
        print(hasattr(concurrent, "futures"), hasattr(email, "mime"), hasattr(xml, "dom"))
        """,
        name="forgot.py",
    )
    answers(
        site,
        {
            "script.py": 'ThreadPoolExecutor <?xml version="1.0" ?><a/>\nx\n',
            "forgot.py": "False False False\n",
        },
    )


@pytest.mark.parametrize("place", ["../lib", "../../{case}/lib", "{outside}"])
def test_point_03_modules_of_another_directory(site, tmp_path, place):
    """Relative, by a detour, and outside of what is served."""
    library = tmp_path if place == "{outside}" else site.directory / "lib"
    library.mkdir(exist_ok=True)
    (library / "common.py").write_text("from inside import seen\nseen.append(__name__)\n")
    (library / "inside").mkdir()
    (library / "inside/__init__.py").write_text("seen = []\n")
    entry = place.format(case=site.directory.name, outside=tmp_path)
    site.script(
        f"""
        import sys
        sys.path.insert(0, {entry!r})
        import common, inside
        print(inside.seen, sys.path.count({entry!r}), common.__file__)
        """,
        name="bin/script.py",
    )
    site.script(
        "try:\n    import common\nexcept ImportError as error:\n    print(error)", name="bin/plain.py"
    )
    file = os.path.join(site.directory / "bin", entry, "common.py")
    answers(
        site,
        {"bin/script.py": f"['common'] 1 {file}\n", "bin/plain.py": "No module named 'common'\n"},
    )


@pytest.mark.parametrize("entry", ["", "."])
def test_point_03_working_directory_on_the_path(site, entry):
    """Of a script that changes it; another script of the same entry has another directory."""
    for name in ("one", "two"):
        site.file(f"{name}/lib/common.py", f"WHOSE = '{name}'\n")
        site.script(
            f"""
            import os, sys
            os.chdir("lib")
            sys.path.insert(0, {entry!r})
            import common
            print(common.WHOSE)
            """,
            f"{name}/script.py",
        )
    answers(site, {"one/script.py": "one\n", "two/script.py": "two\n"})


def test_point_03_site_directory(site):
    site.file(
        "lib/paths.pth", "# comment\nmore\nimport sys; sys.from_pth = getattr(sys, 'from_pth', 0) + 1\n"
    )
    site.file("lib/more/extra.py", "seen = []\n")
    site.file("lib/direct.py", "from extra import seen\nseen.append(1)\n")
    site.script(
        """
        import site, sys
        site.addsitedir("lib")
        import direct, extra
        print(extra.seen, sys.from_pth, [path[-8:] for path in sys.path[-2:]])
        """
    )
    site.script("import sys; print(hasattr(sys, 'from_pth'), 'lib' in sys.path[-1][-4:])", name="plain.py")
    tail = [f"{site.directory}/lib"[-8:], f"{site.directory}/lib/more"[-8:]]
    answers(site, {"script.py": f"[1] 1 {tail}\n", "plain.py": "False False\n"})


def archive(file: Path, modules: dict[str, str]) -> None:
    with zipfile.ZipFile(file, "w") as zipped:
        for name, source in modules.items():
            zipped.writestr(name, source)


ZIPPED = """
import sys
sys.path.insert(0, "lib.zip")
import zipped, package.inner
package.inner.seen.append(zipped.NAME)
print(package.inner.seen, zipped.__file__, type(zipped.__loader__).__name__)
"""


def zipped(name: str, filler: str = "") -> dict[str, str]:
    return {
        "package/__init__.py": filler,
        "package/inner.py": "seen = []\n",
        "zipped.py": f"NAME = {name!r}\n",
    }


def test_point_03_modules_in_a_zip_file(site):
    """Also in two of the same relative name."""
    for name in ("one", "two"):
        site.script(ZIPPED, name=f"{name}/script.py")
        archive(site.directory / name / "lib.zip", zipped(name))
    answers(
        site,
        {f"{name}/script.py": f"['{name}'] lib.zip/zipped.py zipimporter\n" for name in ("one", "two")},
    )


def test_point_03_zip_file_that_changes(site):
    """The modules in it have moved, too."""
    script = site.script(ZIPPED)
    for count, name in enumerate(("first", "other", "third", "first")):
        new = site.directory / "new"
        archive(new, zipped(name, "# moved\n" * 50 * (count % 2)))
        new.rename(site.directory / "lib.zip")
        assert site.get(script).body.startswith(f"['{name}'] ".encode()), site.log()


def test_point_03_zip_file_as_a_script(site):
    """Python runs the __main__ in it, and finds its other modules."""
    packed = site.directory / "packed"
    main = "import helper\nprint('Content-Type: text/plain\\n')\nprint(helper.NAME, __name__, __file__)\n"
    archive(packed, {"__main__.py": main, "helper.py": "NAME = 'helper'\n"})
    site.file("application", b"#!/usr/bin/env python3\n" + packed.read_bytes(), 0o755)
    for _ in range(2):
        page = site.get(f"{site.path}/application")
        assert page.body.decode() == f"helper __main__ {site.directory}/application/__main__.py\n", site.log()


@pytest.mark.parametrize("name", ["http", unless_built_in("select"), "string", "email", "random"])
def test_point_04_standard_module_hidden_by_a_path(site, name):
    """A helper that is found by sys.path.insert only, whatever has been imported of that name before."""
    site.file("lib/" + ("email/__init__.py" if name == "email" else f"{name}.py"), "WHOSE = 'helper'\n")
    site.script(
        f"import sys; sys.path.insert(0, '../lib'); import {name}; print({name}.WHOSE)", "bin/script.py"
    )
    site.script(
        f"import sys; sys.path.append('../lib'); import {name}; print(vars({name}).get('WHOSE'))",
        "bin/last.py",
    )
    site.script(
        "import email.message, http.client, random, select, string, subprocess\n"
        "print(subprocess.check_output(['echo', string.digits[:random.randint(3, 3)]]))",
        "plain/script.py",
    )
    answers(
        site,
        {"bin/script.py": "helper\n", "plain/script.py": "b'012\\n'\n", "bin/last.py": "None\n"},
        same_process=False,
    )


@pytest.mark.parametrize(
    ("name", "library", "error"),
    [
        ("string", "logging", "ImportError"),
        ("random", "tempfile", "ImportError"),
        ("email", "http.client", "ModuleNotFoundError"),
        unless_built_in("select", "selectors", "AttributeError"),
    ],
)
def test_point_04_libraries_get_the_helper_too(site, name, library, error):
    """A helper with a standard module's name breaks the libraries that need the module, in each run."""
    site.file("bin/" + ("email/__init__.py" if name == "email" else f"{name}.py"), "WHOSE = 'helper'\n")
    site.script(
        f"""
        import {name}
        try:
            import {library}
            print({library}.__name__, "works")
        except Exception as error:
            print(type(error).__name__)
        """,
        "bin/script.py",
    )
    site.script(f"import {library}; print({library}.__name__, 'works')", "plain/script.py")
    answers(
        site,
        {"plain/script.py": f"{library} works\n", "bin/script.py": f"{error}\n"},
        same_process=False,
    )


@functools.cache
def by_hand(name: str, source: str) -> str:
    """What a plain Python prints, with a module of that name beside the script."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, f"{name}.py").write_text("WHOSE = 'helper'\n")
        script = Path(directory, "script.py")
        script.write_text(source)
        command = [sys.executable, script]
        return subprocess.run(command, capture_output=True, text=True, env=host_environ()).stdout


@pytest.mark.parametrize(
    "name",
    [
        "cgi",
        "cgicompat",
        "enum",
        "functools",
        "os",
        "re",
        "signal",
        "threading",
        "time",
        "traceback",
        "types",
        "warnings",
    ],
)
def test_point_04_helper_named_like_what_python_or_we_use(site, name):
    """Whether a script gets its own depends on what Python itself has imported: so it does here."""
    source = f"import {name}\nprint(getattr({name}, 'WHOSE', 'of Python'))\n"
    site.file(f"{name}.py", "WHOSE = 'helper'\n")
    site.script(source)
    site.script("import enum, re, traceback; print(re.sub('a', 'b', 'aa'))", "plain/script.py")
    for script, body in {"script.py": by_hand(name, source), "plain/script.py": "bb\n"}.items():
        assert site.get(f"{site.path}/{script}").body.decode() == body
        assert site.get(f"{site.path}/{script}").body.decode() == body


def test_point_04_packages_of_the_same_name(site):
    for name in ("one", "two"):
        site.file(f"{name}/package/__init__.py", f"WHOSE = '{name}'\n")
        site.file(f"{name}/package/{name}.py", "from . import WHOSE\n")
        site.file(f"{name}/space/{name}.py", "import package as WHOSE\n")
        site.script(
            """
            import package, pkgutil, space
            print(package.WHOSE, [module.name for module in pkgutil.iter_modules(package.__path__)])
            print([module.name for module in pkgutil.iter_modules(space.__path__)])
            def work():
                import package.one
                return package.one.WHOSE
            try:
                print(work())
            except ImportError as error:
                print(error)
            """,
            f"{name}/script.py",
        )
    answers(
        site,
        {
            "one/script.py": "one ['one']\n['one']\none\n",
            "two/script.py": "two ['two']\n['two']\nNo module named 'package.one'\n",
        },
    )


def test_point_04_other_directories_of_the_same_relative_name(site):
    for name in ("one", "two"):
        site.file(f"{name}/lib/common.py", f"WHOSE = '{name}'\n")
        site.script(
            "import sys; sys.path.insert(0, '../lib'); import common; print(common.WHOSE)", f"{name}/bin/a.py"
        )
    answers(site, {"one/bin/a.py": "one\n", "two/bin/a.py": "two\n"})


PICKLING = """
import os, pickle, helper
class Guest:
    def __init__(self, name): self.name = name
class Deep:
    class Inner: pass
if os.path.exists("kept"):
    guest, inner, other, function = pickle.load(open("kept", "rb"))
    print(guest.name, type(guest) is Guest, type(inner) is Deep.Inner, type(other) is helper.Other)
    print(function is helper.function)
    os.unlink("kept")
else:
    with open("kept", "wb") as file:
        pickle.dump([Guest("known"), Deep.Inner(), helper.Other(), helper.function], file)
    print("kept")
"""


def test_point_06_pickled_objects_live_on_in_a_file(site):
    site.file("helper.py", "class Other: pass\ndef function(): pass\n")
    script = site.script(PICKLING)
    pages = [site.get(script) for _ in range(4)]
    read = b"known True True True\nTrue\n"
    assert [page.body for page in pages] == [b"kept\n", read, b"kept\n", read]
    site.same_process(*pages)


def test_point_06_helpers_find_the_script_as_main(site):
    site.file("helper.py", "from __main__ import setting\nimport __main__\n__main__.setting = 2\n")
    site.file("guarded.py", "if __name__ == '__main__':\n    print('never')\nname = __name__\n")
    site.script(
        """
        setting = 1
        import guarded, helper
        if __name__ == "__main__":
            print(setting, helper.setting, guarded.name)
        """
    )
    answers(site, {"script.py": "2 1 guarded\n"})


def test_point_06_another_script_run_within(site):
    site.file(
        "other.py", "import sys, helper\nhelper.seen.append(__name__)\nprint(__name__, sys.argv[0][-9:])\n"
    )
    site.file("helper.py", "seen = []\n")
    site.script(
        """
        import helper, runpy, sys
        result = runpy.run_path("other.py", run_name="__main__")
        runpy.run_module("other", run_name="__main__", alter_sys=True)
        print(result["__name__"], helper.seen, sys.modules["__main__"].__dict__ is globals())
        """
    )
    argv = [f"{site.directory}/script.py"[-9:], f"{site.directory}/other.py"[-9:]]
    answers(
        site,
        {"script.py": f"__main__ other.py\n__main__ {argv[1]}\n__main__ ['__main__', '__main__'] True\n"},
    )


def test_point_03_data_files_of_a_package(site):
    site.file("package/__init__.py", "")
    site.script(
        """
        import importlib.resources, pkgutil
        print(pkgutil.get_data("package", "data.txt"))
        print(importlib.resources.files("package").joinpath("data.txt").read_text())
        """
    )
    for text in ("one", "two"):
        site.file("package/data.txt", text)
        answers(site, {"script.py": f"b'{text}'\n{text}\n"})


def compiled(file: Path, source: str) -> bytes:
    """What Python would keep of that source."""
    file.write_text(source)
    py_compile.compile(str(file), f"{file}c", doraise=True)
    file.unlink()
    return file.with_suffix(".pyc").read_bytes()


def test_point_03_helper_without_source(site):
    script = site.script("import helper; helper.seen.append(1); print(helper.seen, helper.__file__)")
    for content in ("first", "second", "a third one"):
        compiled(site.directory / "helper.py", f"seen = ['{content}']\n")
        for _ in range(2):
            assert site.get(script).body == f"['{content}', 1] {site.directory}/helper.pyc\n".encode()


def test_point_03_bytecode_of_another_version(site):
    """It is left alone, or written anew."""
    helper = site.file("helper.py", "value = 'source'\n")
    other = compiled(site.directory / "else.py", "value = 'bytecode'\n")
    cached = f"__pycache__/helper.{sys.implementation.cache_tag}.pyc"
    site.file("__pycache__/helper.cpython-27.pyc", other)
    site.file(cached, b"\x03\xf3\r\n" + other[4:])
    site.file("helper.pyc", other)
    site.script("import helper; print(helper.value)")
    answers(site, {"script.py": "source\n"})
    site.file(cached, helper.read_bytes())
    answers(site, {"script.py": "source\n"})


def test_point_03_links(site):
    """A linked directory has a name of its own; beside a linked script is where the link leads to."""
    site.file("real/lib/helper.py", "seen = []\n")
    (site.directory / "linked").symlink_to("real/lib")
    site.script(
        """
        import sys
        sys.path.insert(0, "linked")
        import helper
        helper.seen.append(helper.__file__)
        print(helper.seen)
        """
    )
    site.script("import helper, sys; print(helper.__file__, __file__, sys.path[0])", "real/lib/main.py")
    (site.directory / "entry.py").symlink_to("real/lib/main.py")
    folder = site.directory
    answers(
        site,
        {
            "script.py": f"['{folder}/linked/helper.py']\n",
            "entry.py": f"{folder}/real/lib/helper.py {folder}/entry.py {folder}/real/lib\n",
        },
    )


# What the C code keeps, nobody can put back. Set up in one phase as long ago, or in the two of PEP 489.
EXTENSION = r"""
#include <Python.h>
static long count;
static PyObject *more(PyObject *self, PyObject *none) { return PyLong_FromLong(count += STEP); }
static PyMethodDef methods[] = {{"more", more, METH_NOARGS, NULL}, {NULL}};
static PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "extension", .m_methods = methods, .m_slots = PHASES == 2 ? slots : NULL,
};
PyMODINIT_FUNC PyInit_extension(void) {
    return PHASES == 2 ? PyModuleDef_Init(&definition) : PyModule_Create(&definition);
}
"""


@pytest.fixture(scope="session")
def built(home: Path) -> Callable[[int, int], bytes]:
    """The extension module of so many phases that counts in such steps."""
    if not shutil.which("cc"):
        pytest.skip("cc is not installed")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        pytest.skip("Python.h is not installed")

    @functools.cache
    def build(phases: int, step: int) -> bytes:
        source, library = home / "extension.c", home / "extension.so"
        source.write_text(EXTENSION)
        includes = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
        options = [f"-DPHASES={phases}", f"-DSTEP={step}", *(f"-I{path}" for path in includes)]
        subprocess.run(["cc", "-shared", "-fPIC", "-w", *options, "-o", library, source], check=True)
        return library.read_bytes()

    return build


@pytest.mark.parametrize("phases", [1, 2])
def test_point_03_extension_module_beside_a_script(site, built, phases):
    name = f"extension{sysconfig.get_config_var('EXT_SUFFIX')}"
    site.file(name, built(phases, 1))
    site.script(
        """
        import extension
        extension.seen = getattr(extension, "seen", 0) + 1
        print(extension.more(), extension.more(), extension.seen, extension.__file__)
        """
    )
    answers(site, {"script.py": f"1 2 1 {site.directory}/{name}\n"}, same_process=False)
    # as `pip install` and `install` do, not in place: that would crash whoever has it loaded
    site.file("new", built(phases, 5)).rename(site.directory / name)
    answers(site, {"script.py": f"5 10 1 {site.directory}/{name}\n"}, same_process=False)
