#!/usr/bin/env python3
# Another delimiter for all templates.
# PUT BACK: string, Template.delimiter
import string

print("Content-Type: text/plain\n")
print(string.Template.delimiter)
string.Template.delimiter = "%"  # here
