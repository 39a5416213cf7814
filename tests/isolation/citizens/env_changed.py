#!/usr/bin/env python3
# Variables added, changed and deleted.
# PUT BACK: environ, SHOP_MODE
import os

print("Content-Type: text/plain\n")
print(os.environ.get("SHOP_MODE"), os.environ.get("QUERY_STRING"))
os.environ["SHOP_MODE"] = "test"  # here
os.environ["QUERY_STRING"] = "changed"  # here
del os.environ["REQUEST_METHOD"]  # here
