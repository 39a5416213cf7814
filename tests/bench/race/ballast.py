"""What a pool with 150 MB of preloads has loaded: many small objects, as modules and their data are."""

TABLES = [{f"key {number} {table}": [number, str(number)] for number in range(1000)} for table in range(640)]
