#!/usr/bin/env python3
# Prices from the database.
# PUT BACK: sqlite3
import sqlite3

print("Content-Type: text/plain\n")
print("PRICE" in sqlite3.converters)
sqlite3.register_converter("price", float)  # here
