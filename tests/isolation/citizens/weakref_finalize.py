#!/usr/bin/env python3
# A finalizer that runs at the end.
# PUT BACK
import weakref

print("Content-Type: text/plain\n")


class Order:
    pass


order = Order()
weakref.finalize(order, print, "order closed")
print("order opened")
