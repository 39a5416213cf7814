#!/usr/bin/env python3
# A form with a small file, read by FieldStorage.
import cgi

form = cgi.FieldStorage()
print("Content-Type: text/plain\n")
print(
    form.getfirst("name"), ",".join(form.getlist("topping")), form["file"].filename, len(form["file"].value)
)
