#!/usr/bin/env python3
# Another policy for event loops.
# PUT BACK: asyncio
import asyncio

print("Content-Type: text/plain\n")


class Policy(asyncio.DefaultEventLoopPolicy):
    pass


print(type(asyncio.get_event_loop_policy()).__name__ != "Policy")
asyncio.set_event_loop_policy(Policy())  # here
