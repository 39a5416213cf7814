#!/usr/bin/env python3
"""A page from templates beside the script, with a filter of its own."""

import os

import jinja2

folder = os.path.dirname(os.path.abspath(__file__))
templates = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True, trim_blocks=True)
seen = []


def price(value):
    seen.append(value)
    return f"{value:.2f}"


templates.filters["price"] = price
templates.globals["visits"] = lambda: len(seen)

print("Content-Type: text/html\n")
print(templates.get_template("list.html").render(items=[("<b>tea</b>", 2), ("milk", 1.5)]))
print(
    jinja2.Template("{{ seen | sum }}{% for n in seen %}{{ loop.cycle('a', 'b') }}{% endfor %}").render(
        seen=seen
    )
)
