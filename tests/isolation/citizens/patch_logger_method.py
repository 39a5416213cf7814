#!/usr/bin/env python3
# A level of one's own as a method of all loggers.
# PUT BACK: logging, Logger.trace
import logging

print("Content-Type: text/plain\n")
print(hasattr(logging.Logger, "trace"))
logging.Logger.trace = lambda self, text: self.log(5, text)  # here
