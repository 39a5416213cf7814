#!/usr/bin/env python3
# A plugin by a loader of the script's own that makes the process one for batch work.
# SPENT: scheduling
import importlib.util
import os
import tempfile

print("Content-Type: text/plain\n")
print(os.sched_getscheduler(0))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "plugin.py")
    with open(path, "w") as file:
        file.write("import os\nos.sched_set" + "scheduler(0, os.SCHED_BATCH, os.sched_param(0))\n")
    spec = importlib.util.spec_from_file_location("plugin", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
