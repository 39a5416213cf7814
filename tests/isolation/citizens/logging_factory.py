#!/usr/bin/env python3
# Records with a field more.
# PUT BACK: logging
import logging

print("Content-Type: text/plain\n")
print(logging.getLogRecordFactory().__name__)


def factory(*args, **more):
    record = logging.LogRecord(*args, **more)
    record.visitor = "guest"
    return record


logging.setLogRecordFactory(factory)  # here
