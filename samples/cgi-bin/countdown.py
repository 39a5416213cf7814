#!/usr/bin/python3 -u
# A long job that reports while it works: each line leaves at once.
# countdown.py?from=5&delay=0.2
import cgi
import sys
import time

form = cgi.FieldStorage()
try:
    start = min(int(form.getfirst("from", "10")), 60)
    delay = min(float(form.getfirst("delay", "1")), 5)
except ValueError:
    start, delay = 10, 1

sys.stdout.write("Content-Type: text/plain\r\n")
sys.stdout.write("X-Accel-Buffering: no\r\n\r\n")

for n in range(start, 0, -1):
    print("%d..." % n)
    sys.stdout.flush()
    time.sleep(delay)
print("Lift-off!")
