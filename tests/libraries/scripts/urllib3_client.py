#!/usr/bin/env python3
"""The same with a pool of connections, retries and a warning that is told to be silent."""

import os
import warnings

import urllib3

filters = len(warnings.filters)
urllib3.disable_warnings()
pool = urllib3.PoolManager(retries=urllib3.Retry(2, backoff_factor=0), headers={"X-Asked-By": "urllib3"})
answer = pool.request("GET", f"http://127.0.0.1:{os.environ['QUERY_STRING']}/fails-twice")

print("Content-Type: text/plain\n")
print(answer.status, answer.json(), len(warnings.filters) - filters)
