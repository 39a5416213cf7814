"""What scripts tell libraries is forgotten: each call answers as plain CGI does."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.harness.processes import host_environ

pytestmark = pytest.mark.xdist_group("rewind-libraries")

# By name: what must be installed, and a script that shows how it finds the library, and then changes it.
CASES = {
    "django": (
        "django",
        """
from django.conf import settings
print(settings.configured)
settings.configure(SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
import django
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path, resolve
django.setup()
urlpatterns = [path("hello/", lambda request: HttpResponse("hello"))]
print(resolve("/hello/").func(RequestFactory().get("/hello/")).content)
""",
    ),
    "yaml": (
        "yaml",
        """
import yaml
print("!new" in yaml.SafeLoader.yaml_constructors)
yaml.add_constructor("!new", lambda loader, node: node.value * 2, yaml.SafeLoader)
print(yaml.safe_load("a: !new b"))
""",
    ),
    "sqlalchemy": (
        "sqlalchemy",
        """
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
called = []
@event.listens_for(Engine, "connect")
def connect(*arguments): called.append(1)
with create_engine("sqlite://").connect() as connection:
    print(connection.execute(text("select 1")).scalar(), called)
""",
    ),
    "bottle": (
        "bottle",
        """
import bottle
print(len(bottle.default_app().routes))
@bottle.route("/hello")
def hello(): return "hello"
print(len(bottle.default_app().routes), bottle.TEMPLATE_PATH)
bottle.TEMPLATE_PATH.append("more")
bottle.debug(True)
""",
    ),
    "flask": (
        "flask",
        """
import site_app
print(len(list(site_app.app.url_map.iter_rules())))
site_app.app.add_url_rule("/more", "more", lambda: "more")
print(site_app.app.test_client().get("/more").data, site_app.app.config["DEBUG"])
site_app.app.config["DEBUG"] = True
""",
    ),
    "prometheus": (
        "prometheus_client",
        """
from prometheus_client import Counter, REGISTRY
requests = Counter("requests", "of all")
requests.inc()
print(REGISTRY.get_sample_value("requests_total"))
""",
    ),
    "structlog": (
        "structlog",
        """
import structlog
print(structlog.is_configured())
structlog.configure(processors=[structlog.processors.JSONRenderer(sort_keys=True)])
structlog.get_logger().info("hello", number=1)
structlog.contextvars.bind_contextvars(a=1)
print(structlog.contextvars.get_contextvars())
""",
    ),
    "loguru": (
        "loguru",
        """
import sys
from loguru import logger
print(len(logger._core.handlers))
logger.add(sys.stdout, format="{level} {message}", level="INFO")
logger.level("LOUD", no=42)
logger.log("LOUD", "hello")
""",
    ),
    "numpy": (
        "numpy",
        """
import numpy
print(numpy.geterr(), numpy.get_printoptions()["precision"], numpy.array([1 / 3]))
numpy.seterr(all="raise")
numpy.set_printoptions(precision=3)
print(numpy.geterr(), numpy.array([1 / 3]))
""",
    ),
    "matplotlib": (
        "matplotlib",
        """
import matplotlib
matplotlib.use("agg")
from matplotlib import colormaps, pyplot, units
print(matplotlib.rcParams["font.size"], "mine" in colormaps, pyplot.get_fignums(), len(units.registry))
matplotlib.rcParams["font.size"] = 99
colormaps.register(colormaps["hot"].copy(), name="mine")
units.registry[int] = units.ConversionInterface()
pyplot.figure()
""",
    ),
    "pandas": (
        "pandas",
        """
import pandas
print(pandas.get_option("display.max_rows"), hasattr(pandas.Series, "mine"))
pandas.set_option("display.max_rows", 3)
pandas.api.extensions.register_series_accessor("mine")(object)
""",
    ),
    "defaults": (
        "",
        """
import html, json
print(html.escape.__defaults__, html.escape("'"), json._default_encoder.item_separator, json.dumps([1, 2]))
html.escape.__defaults__ = (False,)
json._default_encoder = json.JSONEncoder(separators=(",", ":"))
json.encoder.JSONEncoder.default = lambda self, other: "other"
print(html.escape("'"), json.dumps([1, 2]))
""",
    ),
    "code": (
        "",
        """
import base64, textwrap
def other(*arguments, **options): return "other"
print(textwrap.dedent(" a"), base64.b64encode(b"a"), textwrap.dedent.__doc__ is None)
textwrap.dedent.__code__ = (lambda text: "changed").__code__
base64.b64encode.__kwdefaults__ = {"more": 1}
base64.b64encode.note = 1
print(textwrap.dedent(" a"))
""",
    ),
    "classes": (
        "",
        """
import collections, configparser, types
class Base:
    def shout(self): return "!"
class Module(types.ModuleType):
    shout = "!"
print(hasattr(configparser.ConfigParser, "shout"), hasattr(collections, "shout"))
class Raw(configparser.RawConfigParser, Base): pass
configparser.ConfigParser.__bases__ = (Raw,)
collections.__class__ = Module
print(configparser.ConfigParser().shout(), collections.shout)
""",
    ),
    "caches": (
        "",
        """
import _elementtree, codecs, copyreg, decimal, fnmatch, functools, linecache, re, struct, sys
print(fnmatch._compile_pattern.cache_info().currsize, len(linecache.cache), complex in copyreg.dispatch_table)
print(codecs.lookup_error("strict").__name__, decimal.getcontext().prec, sys.getrecursionlimit())
fnmatch.fnmatch("a", "b*")
linecache.getlines(__file__)
codecs.register_error("mine", lambda error: ("?", error.end))
copyreg.pickle(complex, str)
print("é".encode("ascii", "mine"))
decimal.getcontext().prec = 5
sys.setrecursionlimit(5000)
try:
    codecs.lookup("mine")
except LookupError:
    codecs.register(lambda name: codecs.lookup("utf-8") if name == "mine" else None)
    print("é".encode("mine"))
else:
    print("registered")
""",
    ),
    "pokes": (
        "",
        """
import ctypes
print(int("256") + 0, str.__name__, (lambda: 1).__class__.__name__)
one = ctypes.c_long.from_address(id(256) + 24)
one.value = 255
name = ctypes.c_char_p.from_address(id(str) + 24)
keep = ctypes.c_char_p(b"text")
name.value = keep.value
print(int("256") + 0)
""",
    ),
    "c_library": (
        "",
        """
import ctypes, locale, readline
libc = ctypes.CDLL(None)
libc.strtok.restype = ctypes.c_char_p
libc.drand48.restype = ctypes.c_double
print(libc.rand(), libc.drand48(), locale.setlocale(locale.LC_ALL), readline.get_current_history_length())
print(readline.get_completer_delims(), ctypes.c_int.in_dll(libc, "optind").value)
text = ctypes.create_string_buffer(b"abc")
libc.strtok(text, b"b")
libc.srand(7)
libc.srand48(7)
locale.setlocale(locale.LC_ALL, "C.UTF-8")
readline.add_history("a")
readline.set_completer_delims("x")
ctypes.c_int.in_dll(libc, "optind").value = 9
""",
    ),
    "instances": (
        "",
        """
import calendar, logging, mimetypes, warnings, xml.dom.minidom, xml.etree.ElementTree as tree
print(logging.root.level, len(logging.root.handlers), mimetypes.guess_type("a.mine")[0])
print(calendar.firstweekday(), len(tree._namespace_map), len(warnings.filters), hasattr(logging.root, "mine"))
logging.basicConfig(level=1)
logging.root.mine = 1
logging.root.manager.mine = 1
mimetypes.add_type("text/mine", ".mine")
calendar.setfirstweekday(3)
tree.register_namespace("mine", "urn:mine")
warnings.simplefilter("ignore")
""",
    ),
}
SITE_APP = """
import flask
app = flask.Flask(__name__)
@app.route("/")
def index(): return "index"
"""


@pytest.fixture(scope="module")
def pool(start):
    environ = "--env", "OPENBLAS_NUM_THREADS=1", "--env", "MPLCONFIGDIR=/tmp", "--preload", "readline"
    pool = start("--workers", "1", *environ)
    (pool.root / "cgi-bin" / "site_app.py").write_text(SITE_APP)
    return pool


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", CASES)
def test_each_call_is_as_the_first(pool, name):
    library, source = CASES[name]
    if library and not find_spec(library):
        pytest.skip(f"{library} is not installed")
    url = pool.script(source, f"tells_{name}.py")
    environ = host_environ(OPENBLAS_NUM_THREADS="1", MPLCONFIGDIR="/tmp")
    command = [sys.executable, f"{pool.root}{url}"]
    plain = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environ,
        cwd=pool.root / "cgi-bin",
        stdin=subprocess.DEVNULL,
    )
    assert plain.returncode == 0, plain.stderr
    expected = plain.stdout.splitlines()[3:]
    for _ in range(3):
        assert pool.get(url).lines[1:] == expected, pool.server.log[-2000:]
    assert os.path.basename(url) not in "".join(
        line for line in pool.server.log.splitlines() if "is replaced after" in line
    )
