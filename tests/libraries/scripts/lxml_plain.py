#!/usr/bin/env python3
"""Has registered nothing."""

from lxml import etree

print("Content-Type: text/plain\n")
print(etree.tostring(etree.Element("{urn:mine}thing")).decode())
try:
    print(etree.XML("<a/>").xpath("f:shout(.)", namespaces={"f": "urn:functions"}))
except etree.XPathEvalError as error:
    print(error)
