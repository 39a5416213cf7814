#!/usr/bin/env python3
# A script outside cgi-bin, known by its ending: how far along is the year?
import calendar
import time

now = time.localtime()
days = 366 if calendar.isleap(now.tm_year) else 365

print("Content-Type: text/html\n")
print("<html><head><title>Today</title><link rel='stylesheet' href='/style.css'></head><body>")
print("<h1>%s</h1>" % time.strftime("%A, %d %B %Y", now))
print("<p>Day %d of %d, so %d to go.</p>" % (now.tm_yday, days, days - now.tm_yday))
print("<p><a href='/'>Back</a></p></body></html>")
