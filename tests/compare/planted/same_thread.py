#!/usr/bin/env python3
# A daemon thread that stays.
import threading
import time

threading.Thread(target=time.sleep, args=[30], daemon=True).start()
print("Content-Type: text/plain\n\nstarted")
