#!/usr/bin/env python3
"""A style sheet with a function of the script's, registered for all style sheets there are."""

from lxml import etree, html

functions = etree.FunctionNamespace("urn:functions")
known = len(list(functions))
functions["shout"] = lambda context, nodes: "".join(nodes).upper()
etree.register_namespace("mine", "urn:mine")

sheet = etree.XSLT(
    etree.XML("""
    <x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform" xmlns:f="urn:functions">
      <x:template match="/"><list><x:for-each select="//a">
        <item href="{@href}"><x:value-of select="f:shout(text())"/></item>
      </x:for-each></list></x:template>
    </x:stylesheet>
    """)
)
page = html.fromstring("<p>See <a href='/one'>one</a> and <a href='/two'>two<b>!</a>")
element = etree.Element("{urn:mine}thing")

print("Content-Type: text/plain\n")
print(known, str(sheet(page)).strip(), etree.tostring(element).decode())
try:
    etree.fromstring("<open>")
except etree.XMLSyntaxError as error:
    print(error, len(error.error_log))
