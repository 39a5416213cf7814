#!/usr/bin/env python3
# A file under flock, held by a cycle.
# PUT BACK
import fcntl

print("Content-Type: text/plain\n")


class Store:
    pass


store = Store()
store.itself = store
store.file = open("citizens.lock", "w")
fcntl.flock(store.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
store.file.write("unflushed")
print("locked")
