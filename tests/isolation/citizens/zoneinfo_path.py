#!/usr/bin/env python3
# Time zones from a directory of the site.
# PUT BACK: zoneinfo
import zoneinfo

print("Content-Type: text/plain\n")
print("/usr/local/zones" in zoneinfo.TZPATH)
zoneinfo.reset_tzpath(["/usr/local/zones"])  # here
