#!/usr/bin/env python3
"""A guest book whose prices are decimals; the connection is left to the end of the script."""

import decimal
import sqlite3


class Price:
    def __init__(self, text):
        self.value = decimal.Decimal(text)

    def __repr__(self):
        return f"{self.value} EUR"


sqlite3.register_adapter(Price, lambda price: str(price.value))
sqlite3.register_converter("price", lambda data: Price(data.decode()))
sqlite3.register_converter("flag", lambda data: data == b"1")

database = sqlite3.connect("guests.sqlite", detect_types=sqlite3.PARSE_DECLTYPES)
database.row_factory = sqlite3.Row
database.create_function("shout", 1, str.upper)
database.execute("create table if not exists guest (name text, paid price, member flag)")
database.execute("delete from guest")
guests = [("Ada", Price("12.50"), True), ("Grace", Price("0.10"), False)]
database.executemany("insert into guest values (?, ?, ?)", guests)
database.commit()

print("Content-Type: text/plain\n")
for row in database.execute("select shout(name) as name, paid, member from guest order by name"):
    print(dict(row))
