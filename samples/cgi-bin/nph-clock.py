#!/usr/bin/env python3
# A "non-parsed header" script: it speaks HTTP itself, status line and all, and
# the server leaves its bytes alone. It used to be the way to stream.
import os
import sys
import time

protocol = os.environ.get("SERVER_PROTOCOL", "HTTP/1.0")
out = sys.stdout
out.write("%s 200 Tick Tock\r\n" % protocol)
out.write("Server: %s\r\n" % os.environ.get("SERVER_SOFTWARE", "nph"))
out.write("Content-Type: text/plain\r\n")
out.write("Connection: close\r\n")
out.write("\r\n")
for tick in range(5):
    out.write(time.strftime("%H:%M:%S\n"))
    out.flush()
    time.sleep(0.2)
