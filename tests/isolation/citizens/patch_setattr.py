#!/usr/bin/env python3
# A patch by setattr with a computed name.
# SPENT: html.escape
import html

print("Content-Type: text/plain\n")
print(html.escape("<"))
setattr(html, "es" + "cape", str)  # here from 3.12
