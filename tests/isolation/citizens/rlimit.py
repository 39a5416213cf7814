#!/usr/bin/env python3
# No core files; a limit that cannot be raised again.
# SPENT: limit
import resource

print("Content-Type: text/plain\n")
print(resource.getrlimit(resource.RLIMIT_NPROC) == resource.getrlimit(resource.RLIMIT_NPROC))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_NOFILE, (250, 250))  # here
