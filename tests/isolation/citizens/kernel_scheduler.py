#!/usr/bin/env python3
# Batch work.
# SPENT: scheduling
import os

print("Content-Type: text/plain\n")
print(os.sched_getscheduler(0) == os.SCHED_OTHER)
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # here
