from __future__ import annotations

import gc
import sys
from weakref import ref

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


# Attributes of a logger (the root has no manager of its own) and of the manager.
_LOGGER = frozenset(
    ("name", "level", "parent", "propagate", "handlers", "disabled", "_cache", "filters", "manager")
)
_MANAGER = frozenset(
    ("root", "_disable", "emittedNoHandlerWarning", "loggerDict", "loggerClass", "logRecordFactory")
)


class Loggers(Guard):
    """The tree of loggers, and which there are: attributes, handlers, levels, filters of all loggers,
    logging.disable, captureWarnings, the classes of loggers and records, names of levels."""

    names = (
        "basicConfig",
        "addHandler",
        "setLevel",
        "dictConfig",
        "fileConfig",
        "getLogger",
        "disable",
        "captureWarnings",
        "addLevelName",
        "setLoggerClass",
        "setLogRecordFactory",
        "logging",
    )

    def save(self) -> None:
        logging: Any = sys.modules.get("logging")
        self._known = {} if logging is None else _snapshot(logging)
        self._levels = None if logging is None else (dict(logging._levelToName), dict(logging._nameToLevel))
        self._tree: dict[str, Any] | None = None if logging is None else logging.root.manager.loggerDict

    def accept(self, packages: set[str]) -> None:
        """What the loggers of these packages are now is what they shall be."""
        if "logging" in sys.modules:
            now = _snapshot(sys.modules["logging"])
            self._known |= {name: now[name] for name in now if name.partition(".")[0] in packages}

    def restore(self) -> Sequence[Change]:
        logging: Any = sys.modules.get("logging")
        if logging is None:
            return NOTHING
        changes: list[Change] = self._manager(logging.root.manager)
        if _snapshot(logging) != self._known:
            changes += self._put_back(logging)
            self._put_back_tree(logging)
            self._known = _snapshot(logging)
        manager = logging.root.manager
        if manager.disable:
            manager.disable = 0
            changes.append(Change("logging.disable was called"))
        if logging._warnings_showwarning is not None:
            logging.captureWarnings(False)
            changes.append(Change("logging.captureWarnings was called"))
        if logging._loggerClass is not logging.Logger or manager.loggerClass is not None:
            logging._loggerClass, manager.loggerClass = logging.Logger, None
            changes.append(Change("logging.setLoggerClass was called"))
        if logging._logRecordFactory is not logging.LogRecord or manager.logRecordFactory is not None:
            logging._logRecordFactory, manager.logRecordFactory = logging.LogRecord, None
            changes.append(Change("logging.setLogRecordFactory was called"))
        if not logging.raiseExceptions:
            logging.raiseExceptions = True
            changes.append(Change("logging.raiseExceptions was set"))
        changes += self._level_names(logging)
        return changes + self._handlers(logging)

    def _manager(self, manager: Any) -> list[Change]:
        if self._tree is None:
            self._tree = manager.loggerDict
        manager.emittedNoHandlerWarning = False
        if len(vars(manager)) == len(_MANAGER) and manager.loggerDict is self._tree:
            return []
        for name in vars(manager).keys() - _MANAGER:
            delattr(manager, name)
        manager.loggerDict = self._tree
        return [Change("the manager of loggers was changed")]

    def _put_back(self, logging: Any) -> list[Change]:
        changes = []
        for name, logger in [("", logging.root), *_loggers(logging), *self._lost(logging)]:
            saved = self._known.get(name)
            if saved is None or saved[0] is not logger:
                saved = _fresh(logging, name, logger)
            if _state(logger) == saved:
                continue
            changes.append(Change(f"the {'root logger' if name == '' else f'logger {name}'} was changed"))
            _, _, level, handlers, filters, disabled, propagate, _, _ = saved
            for handler in logger.handlers:
                if handler not in handlers:
                    handler.close()
            for attribute in vars(logger).keys() - _LOGGER:
                delattr(logger, attribute)
            logger.name = name or "root"
            logger.handlers[:], logger.filters[:] = handlers, filters
            logger.disabled, logger.propagate = disabled, propagate
            logger.setLevel(level)
        return changes

    def _lost(self, logging: Any) -> list[tuple[str, Any]]:
        """Loggers that the script took out of the tree, which libraries hold."""
        tree = logging.root.manager.loggerDict
        return [
            (name, known[0]) for name, known in self._known.items() if name and tree.get(name) is not known[0]
        ]

    def _put_back_tree(self, logging: Any) -> None:
        """New loggers stay if a library holds them. Those of the script go: the next dictConfig or fileConfig
        would disable them."""
        manager = logging.root.manager
        loggers = {name: known[0] for name, known in self._known.items() if name}
        new = [(name, ref(logger)) for name, logger in _loggers(logging) if loggers.get(name) is not logger]
        _plant(manager, loggers)
        if any(logger() for _, logger in new):
            gc.collect()
        kept = {name: logger for name, held in new if (logger := held()) and name not in loggers}
        if kept:
            _plant(manager, loggers | kept)

    def _handlers(self, logging: Any) -> list[Change]:
        """The handler of last resort, and the lists of all handlers: those of the script went with it; what
        stays in them would be flushed at each end."""
        changes = []
        last = logging._defaultLastResort
        last._closed = False  # by logging.shutdown at the end of each script
        if logging.lastResort is not last or last.level != logging.WARNING or last.filters or last.formatter:
            logging.lastResort = last
            last.level, last.filters, last.formatter = logging.WARNING, [], None
            changes.append(Change("logging.lastResort was changed"))
        if logging._handlers:
            held = {handler for known in self._known.values() for handler in known[3]}
            for name, handler in list(logging._handlers.items()):
                if handler not in held:
                    del logging._handlers[name]
        found = logging._handlerList
        if len(found) > 1:
            found[:] = [item for item in found if item() is not None]
        if not found or found[0]() is not last:
            found.insert(0, ref(last, logging._removeHandlerRef))
        return changes

    def _level_names(self, logging: Any) -> list[Change]:
        if self._levels is None:  # imported by this run's script, with these levels
            known = {50: "CRITICAL", 40: "ERROR", 30: "WARNING", 20: "INFO", 10: "DEBUG", 0: "NOTSET"}
            aliases = {"FATAL": 50, "WARN": 30}
            self._levels = known, {name: number for number, name in known.items()} | aliases
        changes = []
        for current, saved in zip((logging._levelToName, logging._nameToLevel), self._levels, strict=True):
            if current != saved:
                current.clear()
                current.update(saved)
                changes = [Change("logging.addLevelName was called")]
        return changes


def _loggers(logging: Any) -> list[tuple[str, Any]]:
    """All but the root."""
    named = logging.root.manager.loggerDict.items()
    return [(name, item) for name, item in named if isinstance(item, logging.Logger)]


def _plant(manager: Any, loggers: dict[str, Any]) -> None:
    """Have these loggers, and no others, in the tree."""
    manager._clear_cache()
    manager.loggerDict.clear()
    manager.loggerDict.update(loggers)
    for logger in loggers.values():
        logger.parent = None
        manager._fixupParents(logger)


def _state(logger: Any) -> tuple[Any, ...]:
    return (
        logger,
        logger.name,
        logger.level,
        tuple(logger.handlers),
        tuple(logger.filters),
        logger.disabled,
        logger.propagate,
        logger.parent,
        len(vars(logger)),
    )


def _fresh(logging: Any, name: str, logger: Any) -> tuple[Any, ...]:
    """The state of a logger that nobody has configured."""
    level = logging.NOTSET if name else logging.WARNING
    size = len(_LOGGER) if name else len(_LOGGER) - 1
    return logger, name or "root", level, (), (), False, True, logger.parent, size


def _snapshot(logging: Any) -> dict[str, tuple[Any, ...]]:
    return {name: _state(logger) for name, logger in [("", logging.root), *_loggers(logging)]}
