#!/usr/bin/env python3
# Attributes of loggers and of their manager.
# PUT BACK: root logger
import logging

print("Content-Type: text/plain\n")
asyncio = logging.getLogger("asyncio")
for each in (logging.root, asyncio, logging.root.manager):
    print(hasattr(each, "shop"))
    each.shop = "ours"
logging.root.info = print
logging.root.manager.loggerDict = {}
print(logging.getLogger("asyncio") is asyncio)
