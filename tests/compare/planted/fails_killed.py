#!/usr/bin/env python3
# Ended by a signal before it said anything.
import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
