#!/usr/bin/env python3
# A survey. Without data it shows the form, with data the answers; GET and POST
# take the same way, since FieldStorage does not care.
import cgi
import cgitb
import os
from html import escape

cgitb.enable()

TOPPINGS = ["cheese", "mushrooms", "olives", "onions", "pineapple"]

PAGE = """Content-Type: text/html; charset=utf-8

<html>
<head><title>%(title)s</title><link rel="stylesheet" href="/style.css"></head>
<body>
<h1>%(title)s</h1>
%(body)s
<p><a href="/">Back</a></p>
</body>
</html>"""

FORM = """<form action="%(script)s" method="%(method)s">
<p>Your name: <input type="text" name="name" size="30"></p>
<p>Toppings: %(boxes)s</p>
<p>Anything else?<br><textarea name="comments" rows="4" cols="40"></textarea></p>
<p><input type="submit" value="Order by %(method)s"></p>
</form>"""


def show_form():
    boxes = " ".join('<label><input type="checkbox" name="topping" value="%s">%s</label>' % (t, t) for t in TOPPINGS)
    script = escape(os.environ.get("SCRIPT_NAME", ""))
    body = "".join(FORM % {"script": script, "method": method, "boxes": boxes} for method in ("GET", "POST"))
    print(PAGE % {"title": "Order a pizza", "body": body})


def show_answer(form):
    name = form.getfirst("name", "").strip() or "stranger"
    toppings = form.getlist("topping")
    body = "<p>Thank you, <b>%s</b>!</p>\n" % escape(name)
    if toppings:
        body += "<p>Your pizza comes with:</p>\n<ul>\n%s\n</ul>\n" % "\n".join("<li>%s" % escape(t) for t in toppings)
    else:
        body += "<p>A plain pizza, then.</p>\n"
    if "comments" in form:
        body += "<p>You also said:</p>\n<blockquote>%s</blockquote>\n" % escape(form["comments"].value)
    body += "<p>(This came by %s.)</p>" % escape(os.environ.get("REQUEST_METHOD", "GET"))
    print(PAGE % {"title": "Your order", "body": body})


def main():
    form = cgi.FieldStorage()
    if form:
        show_answer(form)
    else:
        show_form()


if __name__ == "__main__":
    main()
