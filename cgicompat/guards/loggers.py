"""The tree of loggers: a script's handlers, levels, filters and loggers."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Loggers:
    def save(self) -> None:
        logging = sys.modules.get("logging")
        self._known = {} if logging is None else _snapshot(logging)

    def restore(self) -> str | None:
        logging: Any = sys.modules.get("logging")
        if logging is None:
            return None
        current = _snapshot(logging)
        if current != self._known:
            for name, logger in _loggers(logging):
                saved = self._known.get(name)
                level, handlers, filters, disabled, propagate = saved or (0, (), (), False, True)
                if name == "" and saved is None:
                    level = logging.WARNING
                for handler in logger.handlers:
                    if handler not in handlers:
                        handler.close()
                logger.handlers[:] = handlers
                logger.filters[:] = filters
                logger.disabled, logger.propagate = disabled, propagate
                logger.setLevel(level)
        logging.disable(logging.NOTSET)
        logging.captureWarnings(False)
        logging.setLoggerClass(logging.Logger)
        logging.setLogRecordFactory(logging.LogRecord)
        logging.raiseExceptions = True
        # Its handlers went with the script; what stays in the list would be flushed at each end.
        logging._handlerList[:] = [item for item in logging._handlerList if item() is not None]
        return None


def _loggers(logging: Any) -> list[tuple[str, Any]]:
    named = logging.Logger.manager.loggerDict.items()
    return [("", logging.root)] + [(name, item) for name, item in named if isinstance(item, logging.Logger)]


def _snapshot(logging: Any) -> dict[str, tuple[Any, ...]]:
    return {
        name: (logger.level, tuple(logger.handlers), tuple(logger.filters), logger.disabled, logger.propagate)
        for name, logger in _loggers(logging)
    }
