#!/usr/bin/env python3
# Weeks that begin on Sunday.
# PUT BACK: calendar
import calendar

print("Content-Type: text/plain\n")
print(calendar.firstweekday())
calendar.setfirstweekday(calendar.SUNDAY)  # here
