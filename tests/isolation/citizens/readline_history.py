#!/usr/bin/env python3
# Lines of a history.
# PUT BACK: readline
import readline

print("Content-Type: text/plain\n")
print(readline.get_current_history_length())
readline.add_history("select * from guests")  # here
