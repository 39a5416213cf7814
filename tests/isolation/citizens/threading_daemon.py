#!/usr/bin/env python3
# A daemon thread that is still busy at the end.
# SPENT: thread
import threading

print("Content-Type: text/plain\n")
print(threading.active_count())
threading.Thread(target=threading.Event().wait, args=[30], daemon=True).start()  # here
