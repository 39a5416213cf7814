#!/usr/bin/env python3
# How is the server? Lets other programs print into the page: os.system() and
# subprocess write to the same standard output, so what is in Python's buffer
# has to go first.
import os
import subprocess
import sys

print("Content-Type: text/html")
print()
print("<html><head><title>Status</title><link rel='stylesheet' href='/style.css'></head><body>")
print("<h1>Server status</h1>")

print("<h2>Date</h2><pre>")
sys.stdout.flush()
os.system("date")
print("</pre>")

print("<h2>System</h2><pre>")
sys.stdout.flush()
subprocess.call(["uname", "-srm"])
print("</pre>")

print("<h2>Disk</h2><pre>")
sys.stdout.flush()
subprocess.call("df -kP . | tail -n +1", shell=True)
print("</pre>")

who = subprocess.Popen(["id", "-un"], stdout=subprocess.PIPE).communicate()[0].decode().strip()
print("<p>Running as <b>%s</b>, in <tt>%s</tt>.</p>" % (who, os.getcwd()))
print("<p><a href='/'>Back</a></p></body></html>")
