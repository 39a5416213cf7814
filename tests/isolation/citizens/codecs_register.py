#!/usr/bin/env python3
# A codec of one's own.
# PUT BACK: codecs
import codecs

print("Content-Type: text/plain\n")


def search(name):
    return codecs.lookup("ascii") if name == "plain_shop" else None


try:
    codecs.lookup("plain_shop")
except LookupError:
    print("unknown")
codecs.register(search)  # here
print(b"abc".decode("plain_shop"))
