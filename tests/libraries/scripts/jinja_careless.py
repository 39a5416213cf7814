#!/usr/bin/env python3
"""Puts its filter where all environments find it."""

import jinja2
import jinja2.filters

known = "price" in jinja2.filters.FILTERS
jinja2.filters.FILTERS["price"] = lambda value: "expensive"
jinja2.defaults.DEFAULT_NAMESPACE["visits"] = lambda: "many"

print("Content-Type: text/plain\n")
print(known, jinja2.Environment().from_string("{{ 1 | price }} {{ visits() }}").render())
