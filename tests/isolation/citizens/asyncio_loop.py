#!/usr/bin/env python3
# An event loop that stays open.
# PUT BACK: asyncio
import asyncio

print("Content-Type: text/plain\n")


async def hello():
    return "hello"


loop = asyncio.new_event_loop()  # here
asyncio.set_event_loop(loop)  # here
print(loop.run_until_complete(hello()))
