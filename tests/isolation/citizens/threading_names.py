#!/usr/bin/env python3
# A thread with the name that Python gives it.
# PUT BACK
import threading

print("Content-Type: text/plain\n")
thread = threading.Thread(target=lambda: print(threading.current_thread().name))
thread.start()
