"""The program of the `cgi` runner's processes: `python FILE SCRIPT [ARGUMENT...]`.

Small, since a program's own file is compiled anew at each start.
"""

import sys

bare = frozenset(sys.modules)
if not sys.flags.safe_path:
    del sys.path[0]  # this file's directory
sys.path.insert(0, __file__.rsplit("/", 3)[0])
import cgicompat.runners.process  # noqa: E402

del sys.path[0]
cgicompat.runners.process.run(sys.argv[1], sys.argv[2:], bare, own=True)
