#!/usr/bin/env python3
# Decimals for the database.
# PUT BACK: sqlite3
import decimal
import sqlite3

print("Content-Type: text/plain\n")
try:
    sqlite3.connect(":memory:").execute("select ?", [decimal.Decimal(1)])
except sqlite3.Error:
    print("cannot")
sqlite3.register_adapter(decimal.Decimal, str)  # here
