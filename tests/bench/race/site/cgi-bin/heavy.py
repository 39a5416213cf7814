#!/usr/bin/env python3
# A script of the larger kind: a database, mail, XML, logging, decimal numbers.
import decimal
import email.message
import email.utils
import logging
import sqlite3
import xml.etree.ElementTree as tree

logging.basicConfig(level=logging.WARNING)
log = logging.getLogger("shop")
database = sqlite3.connect(":memory:")
database.execute("create table goods (name text, price text)")
goods = [(f"thing {number}", f"{number}.{number:02}") for number in range(50)]
database.executemany("insert into goods values (?, ?)", goods)
total = decimal.Decimal(0)
order = tree.Element("order")
for name, price in database.execute("select name, price from goods order by name desc"):
    tree.SubElement(order, "item", name=name).text = price
    total += decimal.Decimal(price) * decimal.Decimal("1.19")
    log.info("%s: %s", name, price)
database.close()
mail = email.message.EmailMessage()
mail["To"] = email.utils.formataddr(("The Shop", "shop@example.org"))
mail["Subject"] = f"Order of {total}"
mail.set_content(tree.tostring(order, encoding="unicode"))
print("Content-Type: text/plain\n")
print(mail.as_string())
