"""The scripts of cgi-bin, rewritten: a WSGI application, and a handler for mod_python.

What a script does at each request and a rewrite need not do again is done once: the imports. All else is the
same, and so are the pages; a test compares them.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import email.message
import email.utils
import hashlib
import html
import http.cookies
import json
import logging
import os
import random
import sqlite3
import urllib.parse
import xml.etree.ElementTree as tree

LARGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data/large.bin")
log = logging.getLogger("shop")


def parse(query, body):
    form = dict(urllib.parse.parse_qsl(query))
    form.update(urllib.parse.parse_qsl(body.decode()))
    return form


def typical(form, cookie):
    """The page, and the value of the cookie that it sets."""
    cookies = http.cookies.SimpleCookie(cookie)
    visitor = cookies["visitor"].value if "visitor" in cookies else "nobody"
    session = base64.b64encode(hashlib.sha256(visitor.encode()).digest()).decode()
    chance = random.Random(visitor)
    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=int(form.get("day", 0)))
    rows = "".join(
        f"<tr><td>{number}<td>{html.escape(form.get('name', '?'))}<td>{chance.random():.3f}</tr>\n"
        for number in range(130)
    )
    page = f"<!DOCTYPE html><title>{day}</title><table>\n{rows}</table>\n"
    return page + f"<script>form = {json.dumps(form, sort_keys=True)}</script>\n", session


def heavy():
    database = sqlite3.connect(":memory:")
    database.execute("create table goods (name text, price text)")
    goods = [(f"thing {number}", f"{number}.{number:02}") for number in range(50)]
    database.executemany("insert into goods values (?, ?)", goods)
    total = decimal.Decimal(0)
    order = tree.Element("order")
    for name, price in database.execute("select name, price from goods order by name desc"):
        tree.SubElement(order, "item", name=name).text = price
        total += decimal.Decimal(price) * decimal.Decimal("1.19")
        log.info("%s: %s", name, price)
    database.close()
    mail = email.message.EmailMessage()
    mail["To"] = email.utils.formataddr(("The Shop", "shop@example.org"))
    mail["Subject"] = f"Order of {total}"
    mail.set_content(tree.tostring(order, encoding="unicode"))
    return mail.as_string() + "\n"


def size(read, left):
    """How many of `left` bytes there are to read."""
    total = 0
    while left and (data := read(min(left, 65536))):
        total += len(data)
        left -= len(data)
    return total


def application(environ, start_response):
    """All six pages, by the end of their path."""
    kind = "text/plain"
    headers = []
    page = environ["PATH_INFO"].rpartition("/")[2]
    if page == "hello":
        text = "hello\n"
    elif page == "typical":
        kind = "text/html; charset=utf-8"
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        text, session = typical(parse(environ["QUERY_STRING"], body), environ.get("HTTP_COOKIE", ""))
        headers.append(("Set-Cookie", "session=" + session))
    elif page == "heavy":
        text = heavy()
    elif page == "form":
        import multipart  # not under every server that has the other pages

        form, files = multipart.parse_form_data(environ)
        file = files["file"]
        text = f"{form['name']} {','.join(form.getall('topping'))} {file.filename} {file.size}\n"
        file.close()
    elif page == "download":
        start_response(
            "200 OK",
            [
                ("Content-Type", "application/octet-stream"),
                ("Content-Length", str(os.path.getsize(LARGE))),
            ],
        )
        file = open(LARGE, "rb")
        if "wsgi.file_wrapper" in environ:
            return environ["wsgi.file_wrapper"](file)
        return iter(lambda: file.read(65536), b"")
    elif page == "upload":
        text = f"{size(environ['wsgi.input'].read, int(environ['CONTENT_LENGTH']))} bytes\n"
    else:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"404"]
    data = text.encode()
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(data))), *headers])
    return [data]


def plain(value):
    """The text of a value in a form of mod_python: it has bytes where the request had a body."""
    value = getattr(value, "value", value)
    return value.decode() if isinstance(value, bytes) else str(value)


def handler(req):
    """The same for mod_python."""
    from mod_python import apache, util

    req.content_type = "text/plain"
    page = req.uri.rpartition("/")[2]
    if page == "hello":
        text = "hello\n"
    elif page == "typical":
        req.content_type = "text/html; charset=utf-8"
        text, session = typical(parse(req.args or "", req.read()), req.headers_in.get("Cookie", ""))
        req.headers_out["Set-Cookie"] = "session=" + session
    elif page == "heavy":
        text = heavy()
    elif page == "form":
        form = util.FieldStorage(req)
        file = form["file"]
        name, toppings = plain(form.getfirst("name")), ",".join(map(plain, form.getlist("topping")))
        text = f"{name} {toppings} {file.filename} {len(file.value)}\n"
    elif page == "download":
        req.content_type = "application/octet-stream"
        req.sendfile(LARGE)
        return apache.OK
    elif page == "upload":
        text = f"{size(req.read, int(req.headers_in['Content-Length']))} bytes\n"
    else:
        return apache.HTTP_NOT_FOUND
    req.write(text)
    return apache.OK
