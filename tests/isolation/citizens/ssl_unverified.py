#!/usr/bin/env python3
# Certificates not checked, the answer to every question about SSL.
# PUT BACK: ssl
import ssl

print("Content-Type: text/plain\n")
print(ssl._create_default_https_context.__name__)
ssl._create_default_https_context = ssl._create_unverified_context  # here
