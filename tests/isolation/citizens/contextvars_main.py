#!/usr/bin/env python3
# A context variable set in the main context.
# PUT BACK: context
import contextvars

print("Content-Type: text/plain\n")
visitor = contextvars.ContextVar("visitor")
print([variable.name for variable in contextvars.copy_context() if variable.name == "visitor"])
visitor.set("guest")  # here
