#!/usr/bin/env python3
"""Has no filter of its own."""

import jinja2

print("Content-Type: text/plain\n")
try:
    print(jinja2.Template("{{ 1 | price }}").render())
except jinja2.TemplateError as error:
    print(error)
print(jinja2.Template("{{ visits is defined }}").render())
