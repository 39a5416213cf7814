#!/usr/bin/env python3
# What most scripts are: ten imports, a form from query string and body, a cookie, a page of 5 kB.
import base64
import datetime
import hashlib
import html
import http.cookies
import json
import os
import random
import sys
import urllib.parse

form = dict(urllib.parse.parse_qsl(os.environ.get("QUERY_STRING", "")))
if os.environ.get("REQUEST_METHOD") == "POST":
    form.update(urllib.parse.parse_qsl(sys.stdin.read(int(os.environ["CONTENT_LENGTH"]))))
cookies = http.cookies.SimpleCookie(os.environ.get("HTTP_COOKIE", ""))
visitor = cookies["visitor"].value if "visitor" in cookies else "nobody"
session = base64.b64encode(hashlib.sha256(visitor.encode()).digest()).decode()
chance = random.Random(visitor)
day = datetime.date(2000, 1, 1) + datetime.timedelta(days=int(form.get("day", 0)))
rows = "".join(
    f"<tr><td>{number}<td>{html.escape(form.get('name', '?'))}<td>{chance.random():.3f}</tr>\n"
    for number in range(130)
)
print("Content-Type: text/html; charset=utf-8")
print("Set-Cookie: session=" + session)
print()
print(f"<!DOCTYPE html><title>{day}</title><table>\n{rows}</table>")
print(f"<script>form = {json.dumps(form, sort_keys=True)}</script>")
