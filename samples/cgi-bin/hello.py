#!/usr/bin/env python3
# The first script of every web course: a header, a blank line, a page.
import time

print("Content-Type: text/html")
print()
print("<html><head><title>Hello</title><link rel='stylesheet' href='/style.css'></head><body>")
print("<h1>Hello, world!</h1>")
print("<p>It is now %s on this server.</p>" % time.strftime("%A, %d %B %Y, %H:%M:%S"))
print("<p><a href='/'>Back</a></p>")
print("</body></html>")
