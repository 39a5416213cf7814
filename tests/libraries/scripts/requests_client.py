#!/usr/bin/env python3
"""Asks another server, in a session that nobody closes."""

import os

import requests

url = f"http://127.0.0.1:{os.environ['QUERY_STRING']}"
session = requests.Session()
session.headers["X-Asked-By"] = "requests"
first = session.get(f"{url}/first", params={"a": "b c"}, timeout=5)
second = session.post(f"{url}/second", json={"list": [1, 2]}, timeout=5)

print("Content-Type: text/plain\n")
for answer in (first, second):
    print(answer.status_code, answer.json(), answer.headers["Content-Type"], dict(answer.cookies))
print(session.cookies.get_dict())
