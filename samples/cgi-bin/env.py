#!/usr/bin/python3
# What does the server tell a script? The page that everybody writes first when
# something does not work.
import os
import sys
from html import escape

print("Content-Type: text/html; charset=utf-8")
print()
print("<html><head><title>Environment</title><link rel='stylesheet' href='/style.css'></head><body>")
print("<h1>Environment</h1>")
print("<table border=1>")
for name in sorted(os.environ):
    print("<tr><td>%s</td><td>%s</td></tr>" % (escape(name), escape(os.environ[name])))
print("</table>")

print("<h2>Python</h2>")
print("<p>%s, run as <tt>%s</tt> in <tt>%s</tt></p>" % (escape(sys.version), escape(repr(sys.argv)), escape(os.getcwd())))

length = os.environ.get("CONTENT_LENGTH")
if length:
    print("<h2>Body</h2>")
    print("<pre>%s</pre>" % escape(repr(sys.stdin.buffer.read(int(length)))))
print("<p><a href='/'>Back</a></p></body></html>")
