#!/usr/bin/env python3
# Decimals taught to xmlrpc, in a dictionary of a class.
# PUT BACK: xmlrpc.client, dispatch
import decimal
import xmlrpc.client

print("Content-Type: text/plain\n")
print(decimal.Decimal in xmlrpc.client.Marshaller.dispatch)
xmlrpc.client.Marshaller.dispatch[decimal.Decimal] = xmlrpc.client.Marshaller.dump_double  # here from 3.12
