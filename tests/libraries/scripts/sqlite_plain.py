#!/usr/bin/env python3
"""Knows of no converters; what the guest book registers must not change what it reads."""

import sqlite3

database = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
database.execute("create table thing (cost price, used flag)")
database.execute("insert into thing values ('3.00', 1)")

print("Content-Type: text/plain\n")
print(database.execute("select * from thing").fetchall())
print(sorted(sqlite3.converters))
