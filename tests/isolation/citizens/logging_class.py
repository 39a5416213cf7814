#!/usr/bin/env python3
# Loggers of a class of one's own.
# PUT BACK: logging
import logging

print("Content-Type: text/plain\n")


class ShopLogger(logging.Logger):
    pass


print(logging.getLoggerClass().__name__)
logging.setLoggerClass(ShopLogger)  # here
