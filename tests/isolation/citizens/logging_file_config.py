#!/usr/bin/env python3
# The same from a file, by an application that is in a cycle with its logger.
# PUT BACK: root logger
import io
import logging.config

CONFIGURATION = """
[loggers]
keys = root
[handlers]
keys = page
[formatters]
keys = short
[logger_root]
handlers = page
level = INFO
[handler_page]
class = StreamHandler
args = (sys.stdout,)
formatter = short
[formatter_short]
format = %(name)s: %(message)s
"""


class Application:
    def __init__(self):
        self.myself = self
        self.log = logging.getLogger("shop.application")


print("Content-Type: text/plain\n")
logging.config.fileConfig(io.StringIO(CONFIGURATION))
Application().log.info("begins")
