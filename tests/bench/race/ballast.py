"""What a pool with 150 MB of preloads has loaded: many small objects, as modules and their data are. BALLAST
in the environment names another number of MB."""

import os

_MB = int(os.environ.get("BALLAST", "150"))
TABLES = [
    {f"key {number} {table}": [number, str(number)] for number in range(1000)}
    for table in range(_MB * 64 // 15)
]
