#!/usr/bin/env python3
# A patch out of a string.
# SPENT: string.capwords
import string

print("Content-Type: text/plain\n")
print(string.capwords("a b"))
exec("import string\nstring.cap" + "words = str.title")  # here from 3.12
