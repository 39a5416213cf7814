from __future__ import annotations

import sys

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Loggers(Guard):
    """The tree of loggers: handlers, levels, filters of all loggers, logging.disable, captureWarnings, the
    classes of loggers and records, names of levels."""

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

    def accept(self, packages: set[str]) -> None:
        """What the loggers of these packages are now is what they shall be."""
        if "logging" in sys.modules:
            now = _snapshot(sys.modules["logging"])
            self._known |= {name: now[name] for name in now if name.partition(".")[0] in packages}

    def restore(self) -> Sequence[Change]:
        logging: Any = sys.modules.get("logging")
        if logging is None:
            return NOTHING
        changes: list[Change] = []
        if _snapshot(logging) != self._known:
            changes += self._put_back(logging)
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
        last = logging._defaultLastResort
        last._closed = False  # by logging.shutdown at the end of each script
        if logging.lastResort is not last or last.level != logging.WARNING or last.filters:
            logging.lastResort = last
            last.level, last.filters, last.formatter = logging.WARNING, [], None
            changes.append(Change("logging.lastResort was changed"))
        changes += self._level_names(logging)
        # Its handlers went with the script; what stays in the list would be flushed at each end.
        if len(logging._handlerList) > 1:
            logging._handlerList[:] = [item for item in logging._handlerList if item() is not None]
        return changes

    def _put_back(self, logging: Any) -> list[Change]:
        changes = []
        for name, logger in _loggers(logging):
            saved = self._known.get(name)
            level, handlers, filters, disabled, propagate = saved or (0, (), (), False, True)
            if name == "" and saved is None:
                level = logging.WARNING
            now = _state(logger)
            if now == (level, handlers, filters, disabled, propagate):
                continue
            changes.append(Change(f"the {'root logger' if name == '' else f'logger {name}'} was changed"))
            for handler in logger.handlers:
                if handler not in handlers:
                    handler.close()
            logger.handlers[:] = handlers
            logger.filters[:] = filters
            logger.disabled, logger.propagate = disabled, propagate
            logger.setLevel(level)
        self._known = _snapshot(logging)
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
    named = logging.Logger.manager.loggerDict.items()
    return [("", logging.root)] + [(name, item) for name, item in named if isinstance(item, logging.Logger)]


def _state(logger: Any) -> tuple[Any, ...]:
    return logger.level, tuple(logger.handlers), tuple(logger.filters), logger.disabled, logger.propagate


def _snapshot(logging: Any) -> dict[str, tuple[Any, ...]]:
    return {name: _state(logger) for name, logger in _loggers(logging)}
