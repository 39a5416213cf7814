#!/usr/bin/env python3
# Remembers two things about the visitor in cookies: how often they came and
# which colour they like. "Forget me" lets both expire.
import cgi
import cgitb
import os
from html import escape
from http import cookies

cgitb.enable()

COLOURS = ("white", "lightyellow", "lightblue", "pink")

form = cgi.FieldStorage()
jar = cookies.SimpleCookie(os.environ.get("HTTP_COOKIE", ""))

try:
    visits = int(jar["visits"].value) + 1
except (KeyError, ValueError):
    visits = 1

colour = form.getfirst("colour") or ("colour" in jar and jar["colour"].value)
if colour not in COLOURS:
    colour = COLOURS[0]

out = cookies.SimpleCookie()
out["visits"] = visits
out["colour"] = colour
for morsel in out.values():
    morsel["path"] = os.environ.get("SCRIPT_NAME", "/")
    morsel["max-age"] = 0 if "forget" in form else 30 * 24 * 3600

print(out)
print("Content-Type: text/html; charset=utf-8")
print()
print("<html><head><title>Cookies</title><link rel='stylesheet' href='/style.css'></head>")
print("<body style='background: %s'>" % escape(colour))
if "forget" in form:
    print("<h1>Forgotten</h1><p>We have never met.</p>")
elif visits == 1:
    print("<h1>Welcome!</h1><p>You are here for the first time.</p>")
else:
    print("<h1>Welcome back!</h1><p>This is visit number %d.</p>" % visits)
print("<p>A colour for this page:")
for name in COLOURS:
    print("<a href='?colour=%s'>%s</a>" % (name, name))
print("</p><p><a href='?forget=1'>Forget me</a> | <a href='/'>Back</a></p></body></html>")
