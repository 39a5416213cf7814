#!/usr/bin/env python3
# The visitor's time zone.
# PUT BACK: time zone
import os
import time

print("Content-Type: text/plain\n")
print(time.strftime("%H:%M %Z", time.localtime(0)))
os.environ["TZ"] = "America/New_York"
time.tzset()  # here
print(time.strftime("%H:%M %Z", time.localtime(0)))
