#!/usr/bin/env python3
# An <ISINDEX> search, from before there were forms: the words after the
# question mark (search.py?milk+tea) arrive as command line arguments.
import os
import sys
from html import escape
from urllib.parse import quote

here = os.path.dirname(os.path.abspath(__file__))
texts = os.path.join(here, "..", "texts")
words = [word.lower() for word in sys.argv[1:]]

print("Content-Type: text/html; charset=utf-8")
print()
print("<html><head><title>Search</title><link rel='stylesheet' href='/style.css'></head><body>")
if not words:
    print("<h1>Search</h1><p>Try <a href='?milk'>milk</a> or <a href='?tea+water'>tea and water</a>.</p>")
else:
    print("<h1>Texts with %s</h1><ul>" % escape(" and ".join(words)))
    found = 0
    for folder, folders, files in os.walk(texts):
        folders.sort()
        for name in sorted(files):
            if not name.endswith(".txt"):
                continue
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as f:
                text = f.read().lower()
            if all(word in text for word in words):
                found += 1
                url = os.path.relpath(path, texts)
                print("<li><a href='browse.py/%s'>%s</a>" % (quote(url), escape(url)))
    print("</ul><p>%d found.</p>" % found)
print("<p><a href='/'>Back</a></p></body></html>")
