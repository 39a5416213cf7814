#!/usr/bin/env python3
# One that is ended first where memory is short.
# SPENT: oom_score_adj
print("Content-Type: text/plain\n")
with open("/proc/self/oom_score_adj") as file:
    before = int(file.read())
    print(before)
with open("/proc/self/oom_score_adj", "w") as file:
    file.write(str(before + 100))
