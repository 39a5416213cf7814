#!/usr/bin/env python3
# A browser of one's own.
# PUT BACK: webbrowser
import webbrowser

print("Content-Type: text/plain\n")
print("shop" in webbrowser._browsers)
webbrowser.register("shop", None)  # here
