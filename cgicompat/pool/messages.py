"""What the processes of a pool tell one another: each message begins with one of these letters.

Scripts run in workers and can send whatever they like in their name, so the master believes none of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Key = tuple[int, int]  # of a recording: the worker's pid and the number of the request on the board

# A worker to the master.
LOOK = b"!"
LEARNED = b"+"
LOADED = b"F"
COMPILED = b"C"
SPENT = b"-"
JOB = b"J"
DONE = b"."

# The master to one idle worker.
CONNECTION = b"C"
QUIT = b"Q"

# To the recorder; marshalled (key, ...) follows.
BEGIN = b"B"
ERRORS = b"E"
END = b"X"
