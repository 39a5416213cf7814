#!/usr/bin/env python3
# A logger with level, handler and filter.
# PUT BACK: logging, shop.orders
import logging

print("Content-Type: text/plain\n")
logger = logging.getLogger("shop.orders")
print(logger.level, logger.handlers)
logger.setLevel(logging.DEBUG)  # here
logger.addHandler(logging.NullHandler())
logger.addFilter(lambda record: False)
logger.propagate = False
