#!/usr/bin/env python3
# Shows the tree of texts beside cgi-bin. What follows the script's name in the
# URL (PATH_INFO) says which folder or file: browse.py/recipes/tea.txt
import cgitb
import mimetypes
import os
import shutil
import sys
from html import escape
from urllib.parse import quote

cgitb.enable()

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "texts"))


def not_found(what):
    print("Status: 404 Not Found")
    print("Content-Type: text/html; charset=utf-8\n")
    print("<h1>Not found</h1><p>There is no %s here.</p>" % escape(what))


def show_folder(path, info):
    script = os.environ.get("SCRIPT_NAME", "")
    print("Content-Type: text/html; charset=utf-8\n")
    print("<html><head><title>Texts</title><link rel='stylesheet' href='/style.css'></head><body>")
    print("<h1>/%s</h1><ul>" % escape(info))
    if info:
        print("<li><a href='%s'>..</a>" % quote(script + "/" + os.path.dirname(info)))
    for name in sorted(os.listdir(path)):
        slash = "/" if os.path.isdir(os.path.join(path, name)) else ""
        url = "/".join(part for part in (script, info, name) if part)
        print("<li><a href='%s'>%s%s</a>" % (quote(url), escape(name), slash))
    print("</ul><p><a href='/'>Back</a></p></body></html>")


def show_file(path):
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    print("Content-Type: %s" % kind)
    print("Content-Length: %d" % os.path.getsize(path))
    print()
    sys.stdout.flush()
    with open(path, "rb") as f:
        shutil.copyfileobj(f, sys.stdout.buffer)


info = os.environ.get("PATH_INFO", "").strip("/")
path = os.path.realpath(os.path.join(ROOT, info))

if path != ROOT and not path.startswith(ROOT + os.sep):
    not_found(info)
elif os.path.isdir(path):
    show_folder(path, info)
elif os.path.isfile(path):
    show_file(path)
else:
    not_found(info)
