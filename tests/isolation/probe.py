#!/usr/bin/env python3
"""A CGI script that prints all that it can find out about the process that it runs in, one fact a line.

No address, pid or time appears: an object is shown by its kind and its contents. What differs between any two
processes, or by design between a worker and a process started for one request, is left out with the reason.
"""

import calendar
import codecs
import concurrent.futures
import contextvars
import csv
import ctypes
import decimal
import enum
import faulthandler
import fcntl
import gc
import gettext
import hashlib
import html.parser
import importlib
import locale
import logging
import mimetypes
import multiprocessing
import os
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import types
import warnings
import weakref
import zoneinfo

MODULES = """
    _sitebuiltins argparse ast asyncio asyncio.base_events asyncio.events base64 bisect builtins bz2
    calendar cgi cgitb cmd code codecs collections collections.abc colorsys concurrent.futures
    concurrent.futures.thread configparser contextlib copy copyreg csv ctypes datetime decimal
    difflib dis email email.charset email.header email.message email.mime.text email.utils encodings
    encodings.aliases enum filecmp fileinput fnmatch fractions ftplib functools genericpath getopt
    getpass gettext glob gzip hashlib heapq hmac html html.entities html.parser http http.client
    http.cookiejar http.cookies http.server importlib importlib.machinery importlib.util inspect io
    ipaddress itertools json json.decoder json.encoder keyword linecache locale logging
    logging.config logging.handlers math mimetypes multiprocessing multiprocessing.context
    multiprocessing.process netrc numbers operator optparse os pathlib pickle pkgutil platform
    poplib posixpath pprint queue quopri random readline re reprlib sched secrets select selectors shelve
    shlex shutil signal site smtplib socket socketserver sqlite3 sqlite3.dbapi2 ssl stat statistics
    string struct subprocess sys tarfile tempfile textwrap threading time timeit token tokenize
    traceback types typing unicodedata unittest.mock urllib.error urllib.parse urllib.request uuid
    warnings wave weakref webbrowser wsgiref.util xml.dom.minidom xml.etree.ElementTree
    xml.sax.saxutils xmlrpc.client zipfile zlib zoneinfo
"""

# Attributes that libraries change in themselves as they work: caches, counters, and what came first.
CACHES = """
    concurrent.futures.thread._threads_queues
    ctypes._cast_addr ctypes._memmove_addr ctypes._memset_addr ctypes._string_at_addr
    ctypes._wstring_at_addr ctypes._memoryview_at_addr ctypes.pythonapi encodings._cache
    logging._startTime multiprocessing.process.ORIGINAL_DIR multiprocessing.process._current_process
    pkgutil._NAME_PATTERN re._cache re._cache2
    threading._active threading._main_thread threading._shutdown_locks
    tokenize.ContStr tokenize.PlainToken tokenize.PseudoExtras tokenize.PseudoToken tokenize.String
    tokenize.StringPrefix tokenize.Token tokenize.Triple
"""
# What the interpreter keeps in every namespace.
INTERNAL = """
    __abstractmethods__ __annotations__ __builtins__ __cached__ __dict__ __doc__ __loader__ __module__
    __slotnames__ __spec__ __static_attributes__ __warningregistry__ __weakref__ _abc_impl _value2member_map_
"""

# How the process was started, what other functions here tell, and os.system, os._exit: workers have ours.
ELSEWHERE = """
    sys.__stderr__ sys.__stdin__ sys.__stdout__ sys._base_executable sys.executable sys.flags sys.modules
    sys.lazy_modules sys.orig_argv sys.path_importer_cache sys.stderr sys.stdin sys.stdout os.system
    os._exit
"""
ROOT = os.environ["DOCUMENT_ROOT"]
IGNORED = {*CACHES.split(), *INTERNAL.split(), *ELSEWHERE.split()}

FACTS = []

PLAIN = (bool, bytes, complex, float, int, str, type(None), type(...))
FUNCTIONS = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
MAPPINGS = (dict, types.MappingProxyType)


def show(value, depth=3):
    """A value in words that are the same in every process."""
    if type(value).__name__ == "lazy_import":  # Python 3.15: a library's own, until somebody uses it
        value = value.resolve()
    if type(value) in PLAIN:
        return repr(value)
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, type):
        return f"class {value.__module__}.{value.__qualname__}"
    if isinstance(value, types.FunctionType):
        code = value.__code__
        place = f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"
        return f"function {value.__module__}.{value.__qualname__} of {place}"
    if isinstance(value, FUNCTIONS):
        return f"function {getattr(value, '__module__', '')}.{value.__qualname__}"
    if isinstance(value, types.MethodType):
        return f"method of {type(value.__self__).__name__}: {show(value.__func__)}"
    if isinstance(value, (staticmethod, classmethod)):
        return f"{type(value).__name__} {show(value.__func__)}"
    kind = type(value).__name__
    if not depth:
        return kind
    if isinstance(value, property):
        return f"property {show(value.fget)} {show(value.fset)}"
    if isinstance(value, MAPPINGS):
        return (
            f"{kind} {{{', '.join(sorted(f'{show(k, 1)}: {show(v, depth - 1)}' for k, v in value.items()))}}}"
        )
    if isinstance(value, (list, tuple)):
        return f"{kind} [{', '.join(show(item, depth - 1) for item in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"{kind} {{{', '.join(sorted(show(item, depth - 1) for item in value))}}}"
    if hasattr(value, "__dict__"):
        # a cache of loggers; a mark of handlers at the end of each run, without effect
        parts = {name: item for name, item in vars(value).items() if name not in ("_cache", "_closed")}
        return f"{kind} {show(parts, depth - 1)}"
    return kind


def tell(name, value):
    """Note one fact; a long one as its beginning and a hash."""
    text = (value if isinstance(value, str) else show(value)).replace(ROOT, "/root-of-the-site")
    if len(text) > 400:
        text = f"{text[:400]}... {hashlib.md5(text.encode('utf-8', 'replace')).hexdigest()}"
    FACTS.append(f"{name} = {text}".replace("\n", "\\n"))


def namespaces():
    """Every attribute of every module of MODULES, and of the classes that are defined there."""
    for name in MODULES.split():
        module = sys.modules[name]
        for attribute, value in sorted(vars(module).items()):
            dotted = f"{name}.{attribute}"
            if attribute in IGNORED or dotted in IGNORED or sys.modules.get(dotted) is value:
                continue
            tell(dotted, value)
            if isinstance(value, type) and value.__module__ == name:
                for inner, item in sorted(vars(value).items()):
                    if inner not in IGNORED and f"{dotted}.{inner}" not in IGNORED:
                        tell(f"{dotted}.{inner}", show(item, 2))


def interpreter():
    """sys, and what functions of sys and gc tell; gc's counters and what it has frozen are no setting."""
    for name in (
        *("getrecursionlimit", "getswitchinterval", "get_int_max_str_digits", "getdlopenflags", "gettrace"),
        *("getprofile", "get_asyncgen_hooks", "get_coroutine_origin_tracking_depth", "getdefaultencoding"),
    ):
        tell(f"sys.{name}()", getattr(sys, name)())
    for number in range(6) if hasattr(sys, "monitoring") else ():
        tell(f"sys.monitoring.get_tool({number})", sys.monitoring.get_tool(number))
    for name in ("isenabled", "get_threshold", "get_debug"):
        tell(f"gc.{name}()", getattr(gc, name)())
    tell("gc.callbacks", gc.callbacks)
    tell("gc.garbage", len(gc.garbage))


def modules():
    """Modules that are no library's, and what imports find."""
    tell("modules", sorted(name for name, module in sys.modules.items() if is_strange(name, module)))
    tell("importer", sys.path_importer_cache.get("/usr/local/lib/shop", "unknown"))
    for name in ("difflib", "json", "lzma", "textwrap"):
        tell(f"import {name}", [type(importlib.import_module(name)), sys.modules[name].__spec__.name])
    json = sys.modules["json"]
    tell("json.JSONDecodeError", json.JSONDecodeError is json.decoder.JSONDecodeError)
    tell("__main__", sorted(name for name in vars(sys.modules["__main__"]) if name.startswith("__")))


def is_strange(name, module):
    """Whether sys.modules[name] is not simply the library's module of that name."""
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return name.partition(".")[0] not in sys.stdlib_module_names and name != "__main__"
    return spec.name != name and name not in ("os.path", "collections.abc")


def streams():
    """The three streams, and what else is open. Workers have descriptors of their own, from 200 on."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        tell(name, [stream is getattr(sys, f"__{name}__"), type(stream), type(stream.buffer)])
        tell(
            name, [stream.fileno(), stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines]
        )
        tell(name, [stream.line_buffering, stream.write_through])
    for fd in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        try:
            kind = stat.S_IFMT(os.fstat(fd).st_mode)
        except OSError:
            continue  # the directory that was just listed
        name = os.readlink(f"/proc/self/fd/{fd}").partition(":")[0]
        if fd < 3:  # of which kind these are is the runner's affair
            tell(f"fd {fd}", [os.get_blocking(fd), os.get_inheritable(fd)])
        elif fd < 200 and "/libffi." not in name:  # ctypes keeps the library open that has its trampolines
            tell(f"fd {fd}", [kind, name])
    tell("body", sys.stdin.read())


def process():
    """What the kernel keeps for the process."""
    for name, value in sorted(os.environ.items()):
        tell(f"environ {name}", value)
    child = subprocess.run(["env", "-0"], stdout=subprocess.PIPE, check=True).stdout
    tell("environ of a child", sorted(item.decode() for item in child.split(b"\0") if item))
    tell("environ type", type(os.environ).__name__)
    tell("cwd", os.getcwd())
    tell("root", os.stat("/").st_ino)
    mask = os.umask(0o77)
    os.umask(mask)
    tell("umask", mask)
    for name in sorted(name for name in dir(resource) if name.startswith("RLIMIT_")):
        tell(name, resource.getrlimit(getattr(resource, name)))
    tell("nice", os.nice(0))
    tell("affinity", sorted(os.sched_getaffinity(0)))
    tell("ids", [os.getresuid(), os.getresgid(), sorted(os.getgroups())])
    tell("leads its process group", os.getpgrp() == os.getpid())
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(("Cap", "NoNewPrivs", "Seccomp", "SigBlk", "SigPnd", "ShdPnd")):
                tell("status", line)
    tell("errno", ctypes.get_errno())
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        tell("children", len(file.read().split()))


def signals():
    """Handlers, timers. SIGXCPU and SIGIO are how the pool ends a script: they have handlers in workers."""
    for number in sorted(signal.valid_signals() - {signal.SIGXCPU, signal.SIGIO}):
        tell(f"signal {number}", signal.getsignal(number))
    tell("blocked", sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    tell("pending", sorted(signal.sigpending()))
    tell("alarm", signal.alarm(0))
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        tell(f"timer {timer}", signal.getitimer(timer))
    tell("wakeup fd", signal.set_wakeup_fd(-1))


def threads():
    """Threads, and the names that the next ones would get."""
    tell("threads", [thread.name for thread in threading.enumerate()])
    tell("tasks", len(os.listdir("/proc/self/task")))
    tell("thread", threading.Thread().name)
    tell("process", multiprocessing.Process().name)
    tell("executor", concurrent.futures.ThreadPoolExecutor()._thread_name_prefix)
    tell("stack size", threading.stack_size())
    tell("trace", [threading.gettrace(), threading.getprofile()])
    # decimal puts its own there when somebody asks for it
    tell("context", sorted({each.name for each in contextvars.copy_context()} - {"decimal_context"}))
    tell("start method", multiprocessing.get_start_method(allow_none=True))


def settings():
    """What modules keep behind functions."""
    for name in sorted(name for name in dir(locale) if name.startswith("LC_")):
        tell(name, locale.setlocale(getattr(locale, name)))
    tell("zone", [time.tzname, time.timezone, tuple(time.localtime(0))])
    tell("zoneinfo", zoneinfo.TZPATH)
    tell("socket timeout", socket.getdefaulttimeout())
    tell("decimal", repr(decimal.getcontext()))
    tell("warnings", [str(item) for item in warnings.filters])
    for name, module in sorted(sys.modules.items()):
        shown = [key for key in getattr(module, "__warningregistry__", ()) if isinstance(key, tuple)]
        if shown:
            tell(f"warnings shown in {name}", len(shown))
    for find, name in (
        *((codecs.lookup, name) for name in ("ascii", "plain_shop", "utf8mb4")),
        *((codecs.lookup_error, name) for name in ("strict", "shop-entities")),
    ):
        try:
            tell(name, type(find(name)))
        except LookupError as error:
            tell(name, str(error))
    for each in (logging.root, logging.getLogger("shop.orders")):
        tell("logger", [type(each), each.name, each.level, each.handlers, each.filters])
        tell("logger", [each.disabled, each.propagate, each.manager.disable])
    tell("logging", [logging.getLevelName(5), logging.getLoggerClass(), logging.getLogRecordFactory()])
    tell("mimetypes", [mimetypes.guess_type(name) for name in ("a.html", "a.shop", "a.camel", "a.menu")])
    tell("csv", [csv.field_size_limit(), csv.list_dialects()])
    tell("calendar", calendar.firstweekday())
    tell("gettext", [gettext.textdomain(), gettext.bindtextdomain("shop")])
    try:
        tell("sqlite3", sqlite3.connect(":memory:").execute("select ?", [decimal.Decimal(1)]).fetchone())
    except sqlite3.Error as error:
        tell("sqlite3", type(error))
    # imported late, since its import sets variables for children
    tell("readline", sys.modules["readline"].get_current_history_length())
    tell("faulthandler", faulthandler.is_enabled())
    tell("tracemalloc", tracemalloc.is_tracing())
    tell("tempfile", [tempfile.gettempdir(), tempfile.gettempprefix()])
    tell("finalizers", len(weakref.finalize._registry))
    tell("subclasses", sorted(each.__name__ for each in html.parser.HTMLParser.__subclasses__()))
    with open("citizens.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def main():
    print("Content-Type: text/plain\nX-Pid:", os.getpid(), end="\n\n")
    for tell_all in (streams, interpreter, modules, process, signals, threads):
        tell_all()
    for name in MODULES.split():
        importlib.import_module(name)
    settings()
    namespaces()
    print("\n".join(FACTS))


main()
