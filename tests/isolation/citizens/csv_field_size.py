#!/usr/bin/env python3
# Fields as large as they come.
# PUT BACK: csv
import csv

print("Content-Type: text/plain\n")
print(csv.field_size_limit())
csv.field_size_limit(10 << 20)  # here
