#!/usr/bin/env python3
# A logger with level, handler and filter.
# PUT BACK: logging, shop.orders
import logging

print("Content-Type: text/plain\n")
logger = logging.getLogger("shop.orders")  # here
print(logger.level, logger.handlers)
logger.setLevel(logging.DEBUG)  # here
logger.addHandler(logging.NullHandler())  # here
logger.addFilter(lambda record: False)  # here
logger.propagate = False  # here
