#!/usr/bin/env python3
# unittest.mock.patch(...).start() that nobody stops.
# SPENT: getpass.getuser
import getpass
from unittest import mock

print("Content-Type: text/plain\n")
print(getpass.getuser.__module__)
mock.patch("getpass.getuser", return_value="guest").start()  # here from 3.12
print(getpass.getuser())
