"""Settings that modules keep for the whole process.

ROWS is the table: a module, what it keeps, and how that is read and put back. What a module has when it is
fresh is read right after its import, before any script can use it. The file is long because the table and
all kinds of rows in it are read together.
"""

from __future__ import annotations

import codecs
import ctypes
import itertools
import os
import signal
import sys

from cgicompat.guards.change import SPENT, Change
from cgicompat.guards.exits import at_each_end
from cgicompat.guards.guard import NOTHING, Guard, uses
from cgicompat.guards.watch import WATCH
from cgicompat.modules import LIBRARY, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType
    from typing import Any


_FATAL = {signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, signal.SIGBUS, signal.SIGILL}
_REGISTER = frozenset(("register",))


class Row:
    """How the state of one module is put back; `what` says in words which state that is.

    `covers` are the attributes that others need not look at. `put_back` returns whether it found a change.
    """

    covers: tuple[str, ...] = ()
    cache = False  # no script can tell whether it is filled
    blind = False  # put_back() cannot tell; the script's code says whether there was a change
    watchable = False  # all of it shows in `covers` and in `containers`

    def __init__(self, what: str, names: str = "") -> None:
        self.what = what
        self.names = tuple(names.split())

    def containers(self, module: Any) -> list[dict[Any, Any]]:
        """Dicts that have a part of the state."""
        return []

    def fresh(self, module: Any) -> Any:
        return None

    def put_back(self, module: Any, fresh: Any) -> bool:
        raise NotImplementedError


class Attributes(Row):
    """Attributes of a module."""

    watchable = True

    def __init__(self, what: str, attributes: str, names: str = "") -> None:
        super().__init__(what, f"{names} {attributes}")
        self.covers = tuple(attributes.split())

    def fresh(self, module: Any) -> Any:
        return [(name, getattr(module, name, None)) for name in self.covers]

    def put_back(self, module: Any, fresh: Any) -> bool:
        changed = False
        for name, value in fresh:
            if getattr(module, name, self) is not value:
                setattr(module, name, value)
                changed = True
        return changed


class Contents(Row):
    """What is in dicts and lists of a module."""

    def __init__(self, what: str, containers: str, names: str = "", cache: bool = False) -> None:
        super().__init__(what, f"{names} {containers}")
        self.covers = tuple(containers.split())
        self.cache = cache

    def fresh(self, module: Any) -> Any:
        self.watchable = len(self.containers(module)) == len(self.covers)
        found = (getattr(module, name, None) for name in self.covers)
        return [(container, container.copy()) for container in found if container is not None]

    def containers(self, module: Any) -> list[dict[Any, Any]]:
        found = (getattr(module, name, None) for name in self.covers)
        return [container for container in found if type(container) is dict]

    def put_back(self, module: Any, fresh: Any) -> bool:
        changed = False
        for container, items in fresh:
            if container != items:
                if isinstance(container, list):
                    container[:] = items
                else:
                    # What libraries register when they are imported stays with them.
                    for key in container.keys() - items.keys():
                        if callable(container[key]) and LIBRARY.made(key) and LIBRARY.made(container[key]):
                            items[key] = container[key]
                    if container == items:
                        continue
                    container.clear()
                    container.update(items)
                changed = True
        return changed


class Encodings(Contents):
    """Aliases; whoever has asked for one is answered from caches."""

    def put_back(self, aliases: Any, fresh: Any) -> bool:
        if not super().put_back(aliases, fresh):
            return False
        codecs.register(_no_codec)
        codecs.unregister(_no_codec)  # which empties Python's own
        return True


def _no_codec(name: str) -> None:
    return None


class Formats(Contents):
    """Pillow's formats. All of its plugins register there once, when they are first needed: here."""

    def fresh(self, image: Any) -> Any:
        image.init()
        return super().fresh(image)


class Object(Row):
    """Attributes of an object in a module."""

    def __init__(self, what: str, name: str, names: str = "") -> None:
        super().__init__(what, f"{names} {name}")
        self._name = name

    def fresh(self, module: Any) -> Any:
        found = getattr(module, self._name)
        return found, dict(found.__dict__)

    def put_back(self, module: Any, fresh: Any) -> bool:
        found, state = fresh
        if found.__dict__ == state:
            return False
        found.__dict__.clear()
        found.__dict__.update(state)
        return True


class Counter(Row):
    """A counter that names new things: the first is to be number one again."""

    def __init__(self, what: str, attribute: str, start: int, bound: bool = False) -> None:
        super().__init__(what)
        self.covers = (attribute,)
        self._start, self._bound = start, bound

    def put_back(self, module: Any, fresh: Any) -> bool:
        count = itertools.count(self._start)
        setattr(module, self.covers[0], count.__next__ if self._bound else count)
        return False


class Call(Row):
    """A function of the module that puts it back without looking."""

    blind = True

    def __init__(self, what: str, function: str, *arguments: object, names: str = "") -> None:
        super().__init__(what, names)
        self._function, self._arguments = function, arguments

    def put_back(self, module: Any, fresh: Any) -> bool:
        function = module
        for name in self._function.split("."):
            function = getattr(function, name)
        function(*self._arguments)
        return False


class Getter(Row):
    """A setting with a function to read it and one to set it."""

    def __init__(self, what: str, get: str, put: str) -> None:
        super().__init__(what, put)
        self._get, self._put = get, put

    def fresh(self, module: Any) -> Any:
        return getattr(module, self._get)()

    def put_back(self, module: Any, fresh: Any) -> bool:
        if getattr(module, self._get)() == fresh:
            return False
        getattr(module, self._put)(fresh)
        return True


class Warnings(Row):
    """Filters, and the registries that remember what was shown."""

    covers = ("filters", "showwarning", "formatwarning", "onceregistry")

    def fresh(self, warnings: Any) -> Any:
        return warnings.filters, list(warnings.filters), warnings.showwarning, warnings.formatwarning

    def put_back(self, warnings: Any, fresh: Any) -> bool:
        filters, items, showwarning, formatwarning = fresh
        changed = warnings.filters is not filters or filters != items
        if changed:
            warnings.filters = filters
            filters[:] = items
        if warnings.showwarning is not showwarning or warnings.formatwarning is not formatwarning:
            warnings.showwarning, warnings.formatwarning = showwarning, formatwarning
            changed = True
        warnings.onceregistry.clear()
        # A registry of another version of the filters is empty to the module.
        mutated = getattr(warnings, "_filters_mutated", None) or warnings._filters_mutated_lock_held
        mutated()
        for namespace in WATCH.warned:
            namespace.pop("__warningregistry__", None)
        WATCH.warned.clear()
        return changed


class DecimalContext(Row):
    """The template of new contexts; the current one is that of the run (see Context)."""

    _FIELDS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps")

    def fresh(self, decimal: Any) -> Any:
        context = decimal.DefaultContext
        return context, context.copy()

    def put_back(self, decimal: Any, fresh: Any) -> bool:
        context, saved = fresh
        decimal.DefaultContext = context
        context.clear_flags()
        if repr(context) == repr(saved):
            return False
        for name in self._FIELDS:
            setattr(context, name, getattr(saved, name))
        return True


class CsvDialects(Row):
    def fresh(self, csv: Any) -> Any:
        return {name: csv.get_dialect(name) for name in csv.list_dialects()}

    def put_back(self, csv: Any, fresh: Any) -> bool:
        now = csv.list_dialects()
        if len(now) == len(fresh) and all(csv.get_dialect(name) is fresh.get(name) for name in now):
            return False
        for name in now:
            csv.unregister_dialect(name)
        for name, dialect in fresh.items():
            csv.register_dialect(name, dialect)
            fresh[name] = csv.get_dialect(name)
        return True


class Registered(Row):
    """weakref.finalize: it registers with atexit once in a process."""

    def put_back(self, weakref: Any, fresh: Any) -> bool:
        if weakref.finalize._registered_with_atexit:
            weakref.finalize._registered_with_atexit = weakref.finalize._shutdown = False
            weakref.finalize._registry.clear()
        return False


class EventLoops(Row):
    covers = ("_event_loop_policy",)

    def put_back(self, events: Any, fresh: Any) -> bool:
        changed = events._event_loop_policy is not None
        events._event_loop_policy = None
        events._set_running_loop(None)
        return changed


class Faulthandler(Row):
    blind = True

    def put_back(self, faulthandler: Any, fresh: Any) -> bool:
        faulthandler.cancel_dump_traceback_later()
        faulthandler.disable()
        if uses(_REGISTER):
            for number in signal.valid_signals() - _FATAL:
                faulthandler.unregister(number)
        return False


class Tracemalloc(Row):
    def put_back(self, tracemalloc: Any, fresh: Any) -> bool:
        if not tracemalloc.is_tracing():
            return False
        tracemalloc.stop()
        return True


class CgiLog(Row):
    covers = ("logfile", "logfp", "log", "maxlen")

    def put_back(self, cgi: Any, fresh: Any) -> bool:
        changed: bool = cgi.log is not cgi.initlog or cgi.maxlen != 0
        cgi.closelog()
        cgi.logfile, cgi.logfp, cgi.log, cgi.maxlen = "", None, cgi.initlog, 0
        return changed


class Mimetypes(Row):
    """The tables, as files on disk and the module itself fill them."""

    covers = ("_db", "inited", "suffix_map", "encodings_map", "types_map", "common_types")
    watchable = True

    def fresh(self, mimetypes: Any) -> Any:
        mimetypes.init()
        return {name: getattr(mimetypes, name) for name in self.covers}, [
            (table, _copy(table)) for table in self.containers(mimetypes)
        ]

    def containers(self, mimetypes: Any) -> list[dict[Any, Any]]:
        database = mimetypes._db
        tables = [database.suffix_map, database.encodings_map]
        return [*tables, *database.types_map, *database.types_map_inv]

    def put_back(self, mimetypes: Any, fresh: Any) -> bool:
        attributes, tables = fresh
        changed = any(getattr(mimetypes, name, self) is not value for name, value in attributes.items())
        mimetypes.__dict__.update(attributes)
        for table, items in tables:
            if table != items:
                table.clear()
                table.update(_copy(items))
                changed = True
        return changed


def _copy(table: dict[str, Any]) -> dict[str, Any]:
    """The inverse tables have lists, which add_type() makes longer."""
    return {key: list(value) if isinstance(value, list) else value for key, value in table.items()}


class Lasting(Row):
    """What a library keeps in C, and has no function to take away: who names it makes the process spent."""

    def lasts(self, module: str) -> bool:
        return uses(frozenset(self.names)) and uses(frozenset((module, module.partition(".")[0])))

    def put_back(self, module: Any, fresh: Any) -> bool:
        return False


class Random(Row):
    """A script that seeds the generator must not make the next one's numbers predictable."""

    blind = True
    _left = b""

    def put_back(self, random: Any, fresh: Any) -> bool:
        generator = random._inst
        if self._left != self._state(generator):
            # As seed() does without an argument, but with 16 bytes in place of 2500.
            generator.seed(int.from_bytes(os.urandom(16)))
            self._left = self._state(generator)
        return False

    def _state(self, generator: Any) -> bytes:
        """As it lies in memory: getstate() takes longer than a new seed."""
        head, whole = object.__basicsize__, type(generator).__mro__[1].__basicsize__  # _random.Random
        return ctypes.string_at(id(generator) + head, whole - head)


class NumpyRandom(Row):
    blind = True

    def put_back(self, random: Any, fresh: Any) -> bool:
        random.seed()
        return False


class Pyplot(Row):
    """Figures: plot() draws into the one that is open, and all of them stay in memory."""

    def put_back(self, pyplot: Any, fresh: Any) -> bool:
        if not pyplot.get_fignums():
            return False
        pyplot.close("all")
        return True


class Parameters(Row):
    """matplotlib's settings."""

    def fresh(self, matplotlib: Any) -> Any:
        return dict.copy(matplotlib.rcParams)

    def put_back(self, matplotlib: Any, fresh: Any) -> bool:
        if dict.__eq__(matplotlib.rcParams, fresh):
            return False
        dict.clear(matplotlib.rcParams)
        dict.update(matplotlib.rcParams, fresh)
        return True


class GenericTypes(Row):
    """Caches of typing, which keep the script's classes in memory: now and then is enough for that."""

    _runs = 0

    def put_back(self, typing: Any, fresh: Any) -> bool:
        self._runs += 1
        if self._runs % 16 == 0:
            for cleanup in typing._cleanups:
                cleanup()
        return False


class Multiprocessing(Row):
    """Its exit function leaves it in a state of ending, and forgets what would close pipes of children."""

    covers = ("_exiting",)

    def fresh(self, util: Any) -> Any:
        self._finalizers: dict[Any, Any] = {}
        at_each_end(lambda: self._finalizers.update(util._finalizer_registry))

    def put_back(self, util: Any, fresh: Any) -> bool:
        util._exiting = False
        util._finalizer_registry.update(self._finalizers)
        for finalizer in self._finalizers.values():
            finalizer()
        self._finalizers.clear()
        util._finalizer_registry.clear()
        return False


class Executors(Row):
    """Executors of threads refuse to work once their exit function has run."""

    covers = ("_shutdown",)

    def put_back(self, thread: Any, fresh: Any) -> bool:
        thread._shutdown = False
        thread._threads_queues.clear()
        thread.ThreadPoolExecutor._counter = itertools.count().__next__
        return False


_PILLOW = "ID OPEN MIME SAVE SAVE_ALL EXTENSION DECODERS ENCODERS"
_LXML = "FunctionNamespace register_namespace set_default_parser set_element_class_lookup"

ROWS: tuple[tuple[str, Row], ...] = (
    (
        "warnings",
        Warnings("filters, hooks, and what was shown already", "simplefilter filterwarnings showwarning"),
    ),
    ("decimal", DecimalContext("the template of new contexts", "DefaultContext")),
    ("socket", Getter("default timeout", "getdefaulttimeout", "setdefaulttimeout")),
    ("random", Random("the generator: it is seeded anew", "seed setstate")),
    ("tempfile", Attributes("directory and prefix", "tempdir template")),
    ("urllib.request", Attributes("installed opener", "_opener", "install_opener")),
    ("ssl", Attributes("default context of HTTPS", "_create_default_https_context")),
    ("mimetypes", Mimetypes("tables of types", "add_type read_mime_types init types_map")),
    ("linecache", Contents("source lines that tracebacks showed", "cache", cache=True)),
    ("locale", Attributes("localeconv", "_override_localeconv")),
    ("csv", Getter("limit of field sizes", "field_size_limit", "field_size_limit")),
    ("csv", CsvDialects("dialects", "register_dialect")),
    ("calendar", Getter("first day of the week", "firstweekday", "setfirstweekday")),
    ("fileinput", Attributes("the input that is active", "_state", "input")),
    ("gettext", Attributes("domain", "_current_domain", "textdomain")),
    ("gettext", Contents("directories", "_localedirs", "bindtextdomain")),
    (
        "copyreg",
        Contents("functions that pickle", "dispatch_table _extension_registry _inverted_registry", "pickle"),
    ),
    ("shutil", Contents("archive formats", "_ARCHIVE_FORMATS _UNPACK_FORMATS", "register_archive_format")),
    (
        "email.charset",
        Contents("character sets", "CHARSETS ALIASES CODEC_MAP", "add_charset add_alias add_codec"),
    ),
    ("xml.etree.ElementTree", Contents("prefixes of namespaces", "_namespace_map", "register_namespace")),
    ("xml.dom.domreg", Contents("implementations", "well_known_implementations registered")),
    ("zipimport", Contents("directories of zip files", "_zip_directory_cache", cache=True)),
    ("encodings", Contents("encodings that were looked up", "_cache", cache=True)),
    ("encodings.aliases", Encodings("names of encodings", "aliases")),
    ("webbrowser", Contents("browsers", "_browsers", "register")),
    ("webbrowser", Attributes("order of browsers", "_tryorder _os_preferred_browser", "register")),
    (
        "sqlite3",
        Contents("adapters and converters", "adapters converters", "register_adapter register_converter"),
    ),
    ("sqlite3", Call("tracebacks of callbacks", "enable_callback_tracebacks", False)),
    ("zoneinfo._tzpath", Attributes("directories of time zones", "TZPATH", "reset_tzpath")),
    ("syslog", Call("the open log", "closelog", names="openlog")),
    ("readline", Call("history", "clear_history", names="add_history")),
    ("readline", Call("completer", "set_completer")),
    ("asyncio.events", EventLoops("policy, running loop", "set_event_loop_policy set_event_loop")),
    ("asyncio.tasks", Counter("names of tasks", "_task_name_counter", 1, bound=True)),
    ("threading", Counter("names of threads", "_counter", 1, bound=True)),
    ("multiprocessing.process", Counter("names of processes", "_process_counter", 1)),
    ("multiprocessing.util", Multiprocessing("end of the process")),
    ("concurrent.futures.thread", Executors("end of the process, names of threads")),
    ("weakref", Registered("finalizers that run at exit", "finalize")),
    ("multiprocessing.context", Object("start method", "_default_context", "set_start_method")),
    ("multiprocessing.context", Object("state of the thread", "_tls")),
    ("reprlib", Object("limits", "aRepr")),
    ("filecmp", Call("remembered comparisons", "clear_cache")),
    ("ctypes", Call("errno", "set_errno", 0, names="set_errno")),
    ("typing", GenericTypes("generic types of the script's classes")),
    ("lxml.etree", Lasting("registered functions, prefixes, classes", _LXML)),
    ("lxml.etree", Call("log of errors", "clear_error_log")),
    ("faulthandler", Faulthandler("dumps that were asked for", "enable dump_traceback_later register")),
    ("tracemalloc", Tracemalloc("tracing of memory", "start")),
    ("cgi", CgiLog("log file and limit", "log logfile maxlen")),
    ("numpy.random", NumpyRandom("the generator: it is seeded anew", "seed")),
    ("PIL.Image", Formats("formats", _PILLOW, "register_open register_save register_extension")),
    ("matplotlib", Parameters("rcParams", "rcParams rc use")),
    ("matplotlib.pyplot", Pyplot("open figures", "figure plot subplots")),
)


class Library(Guard):
    """Settings that modules keep for the whole process; the table below has them."""

    def save(self) -> None:
        # With what preloaded libraries have there of their own.
        accept(lambda name: name == "warnings" or not LIBRARY.is_standard(name))
        self._loaded = 0
        self._watching = WATCH.usable
        self._rows: list[tuple[str, Row, ModuleType, Any]] = []
        self._unwatched = self._rows

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        if self._loaded != len(sys.modules):
            self._loaded = len(sys.modules)
            self._rows = list(_rows_of_loaded_modules())
            self._unwatched = [found for found in self._rows if not (self._watching and found[1].watchable)]
        alarms = WATCH.alarms
        for name, row, module, fresh in self._rows if alarms else self._unwatched:
            if isinstance(row, Lasting) and row.lasts(name):
                changes = [*changes, Change(f"{name}: {row.what}", SPENT, names=row.names)]
            if row.put_back(module, fresh) or (self.audit and row.blind and uses(frozenset(row.names))):
                changes = [
                    *changes,
                    Change(f"{name}: {row.what}", where=alarms.get(name, ""), names=row.names),
                ]
        alarms.clear()
        return changes


_fresh: dict[Row, Any] = {}
_rows_by_module: dict[str, list[Row]] = {}
for _name, _row in ROWS:
    _rows_by_module.setdefault(_name, []).append(_row)


# Attributes that other guards put back.
_BY_OTHERS = {
    "logging": (
        "lastResort",
        "raiseExceptions",
        "_loggerClass",
        "_logRecordFactory",
        "_warnings_showwarning",
        "_handlerList",
        "_levelToName",
        "_nameToLevel",
    ),
    "threading": ("excepthook", "_trace_hook", "_profile_hook", "_threading_atexits", "_active"),
    "concurrent.futures.thread.ThreadPoolExecutor": ("_counter",),
}


def covers() -> dict[str, frozenset[str]]:
    """Attributes that rows put back, by module."""
    found = {name: frozenset(attributes) for name, attributes in _BY_OTHERS.items()}
    for name, row in ROWS:
        found[name] = found.get(name, frozenset()) | frozenset(row.covers)
    return found


def learn(module: ModuleType) -> None:
    """Take in a module that has just been imported, and no script has touched."""
    for row in _rows_by_module.get(name_of(module), ()):
        if row not in _fresh:
            _fresh[row] = row.fresh(module)
            for container in row.containers(module):
                WATCH.row(container, name_of(module))


def accept(mine: Callable[[str], bool]) -> None:
    """What modules keep now, whose names `mine` tells, is what they shall keep."""
    for name, row in ROWS:
        if name in sys.modules and mine(name):
            _fresh[row] = row.fresh(sys.modules[name])


def empty_caches() -> None:
    """Put back what no script can tell from its fresh state."""
    for _, row, module, fresh in _rows_of_loaded_modules():
        if row.cache:
            row.put_back(module, fresh)


def _rows_of_loaded_modules() -> Iterator[tuple[str, Row, ModuleType, Any]]:
    for name, row in ROWS:
        module = sys.modules.get(name)
        if module is not None:
            learn(module)
            yield name, row, module, _fresh[row]
