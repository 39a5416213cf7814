#!/usr/bin/env python3
# A dialect of CSV.
# PUT BACK: csv
import csv

print("Content-Type: text/plain\n")
print("shop" in csv.list_dialects())
csv.register_dialect("shop", delimiter=";")  # here
