#!/usr/bin/env python3
# A configuration of logging, which disables the loggers that it finds.
# PUT BACK: logger shop.orders
import logging.config
import sys

print("Content-Type: text/plain\n")
print(
    sorted(logging.root.manager.loggerDict.keys() & {"shop", "shop.orders", "shop.stock"}),
    len(logging._handlers),
)
logging.config.dictConfig(
    {
        "version": 1,
        "formatters": {"short": {"format": "%(name)s: %(message)s"}},
        "handlers": {
            "page": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "short"}
        },
        "loggers": {"shop.orders": {"handlers": ["page"], "level": "INFO"}},
        "root": {"handlers": ["page"]},
    }
)
logging.getLogger("shop.orders").info("one order")
logging.getLogger("shop.stock").warning("out of hats")
print(logging.getLogger("shop.stock").disabled, file=sys.stdout)
