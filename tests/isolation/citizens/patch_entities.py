#!/usr/bin/env python3
# An entity of one's own.
# PUT BACK: html.entities, entitydefs
import html.entities

print("Content-Type: text/plain\n")
print("camel" in html.entities.entitydefs)
html.entities.entitydefs["camel"] = "\U0001f42a"  # here from 3.12
