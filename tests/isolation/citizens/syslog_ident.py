#!/usr/bin/env python3
# A name for the system's log.
# PUT BACK: syslog
import syslog

print("Content-Type: text/plain\n")
syslog.openlog("shop", syslog.LOG_PID, syslog.LOG_LOCAL3)  # here
syslog.setlogmask(syslog.LOG_UPTO(syslog.LOG_ERR))
print("opened")
