#!/usr/bin/env python3
# UTF-8 in mails without base64.
# PUT BACK: email.charset
import email.charset

print("Content-Type: text/plain\n")
print(email.charset.CHARSETS.get("utf-8"))
email.charset.add_charset("utf-8", email.charset.SHORTEST, None, "utf-8")  # here from 3.12
