#!/usr/bin/env python3
# A directory marked as one without modules.
# PUT BACK: path_importer_cache
import sys

print("Content-Type: text/plain\n")
print("/usr/local/lib/shop" in sys.path_importer_cache)
sys.path_importer_cache["/usr/local/lib/shop"] = None  # here
