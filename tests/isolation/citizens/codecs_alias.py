#!/usr/bin/env python3
# The name that a database has for UTF-8.
# PUT BACK: encodings.aliases
import encodings.aliases

print("Content-Type: text/plain\n")
print("utf8mb4" in encodings.aliases.aliases)
encodings.aliases.aliases["utf8mb4"] = "utf_8"  # here
print(b"abc".decode("utf8mb4"))
