#!/usr/bin/python3
# The three ways to send a visitor elsewhere: an absolute Location (the browser
# goes there), a local one (the server answers with that page itself), and a
# Status of one's own. ?to=absolute, ?to=local, ?to=moved, ?to=gone
import cgi
import os

form = cgi.FieldStorage()
to = form.getfirst("to", "")
hello = os.environ.get("SCRIPT_NAME", "").replace("redirect.py", "hello.py")

if to == "absolute":
    scheme = os.environ.get("REQUEST_SCHEME", "http")
    host = os.environ.get("HTTP_HOST") or "%(SERVER_NAME)s:%(SERVER_PORT)s" % os.environ
    print("Location: %s://%s%s" % (scheme, host, hello))
    print()
elif to == "local":
    print("Location: %s" % hello)
    print()
elif to == "moved":
    print("Status: 301 Moved Permanently")
    print("Location: %s" % hello)
    print("Content-Type: text/html")
    print()
    print("<p>This page has moved to <a href='%s'>a better place</a>.</p>" % hello)
elif to == "gone":
    print("Status: 410 Gone Fishing")
    print("Content-Type: text/html")
    print()
    print("<h1>Gone fishing</h1><p>Nobody is here, and nobody will come back.</p>")
else:
    print("Content-Type: text/html")
    print()
    print("<h1>Where to?</h1><ul>")
    for name in ("absolute", "local", "moved", "gone"):
        print("<li><a href='?to=%s'>%s</a>" % (name, name))
    print("</ul>")
