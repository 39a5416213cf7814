#!/usr/bin/env python3
# A prefix for a namespace.
# PUT BACK: ElementTree
import xml.etree.ElementTree as ET

print("Content-Type: text/plain\n")
print("http://example.org/shop" in ET._namespace_map)
ET.register_namespace("shop", "http://example.org/shop")  # here
