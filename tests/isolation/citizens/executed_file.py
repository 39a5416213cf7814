#!/usr/bin/env python3
# A file by runpy that replaces a function of a library.
# SPENT: string.capwords
import os
import runpy
import string
import tempfile

print("Content-Type: text/plain\n")
print(string.capwords("a b"))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "settings.py")
    with open(path, "w") as file:
        file.write("import string\nstring.cap" + "words = str.title\n")
    runpy.run_path(path)
