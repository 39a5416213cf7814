#!/usr/bin/env python3
# An implementation registered with a generic function of the library.
# PUT BACK: iter_importer_modules.registry
import functools
import pkgutil

print("Content-Type: text/plain\n")


class Importer:
    pass


print(len(pkgutil.iter_importer_modules.registry) > 1)
pkgutil.iter_importer_modules.register(Importer, lambda importer, prefix="": [])  # here
print(functools.singledispatch.__name__)
