#!/usr/bin/env python3
# A coverage tool left on.
# PUT BACK (from 3.12): monitoring
import sys

print("Content-Type: text/plain\n")
print(sys.monitoring.get_tool(sys.monitoring.COVERAGE_ID))
sys.monitoring.use_tool_id(sys.monitoring.COVERAGE_ID, "coverage")  # here
events = sys.monitoring.events
sys.monitoring.register_callback(sys.monitoring.COVERAGE_ID, events.PY_START, lambda *args: None)  # here
sys.monitoring.set_events(sys.monitoring.COVERAGE_ID, events.PY_START)  # here
