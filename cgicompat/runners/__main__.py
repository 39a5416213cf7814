"""The program of the `cgi` runner's processes: `python FILE SCRIPT [ARGUMENT...]`.

Small, since a program's own file is compiled anew at each start.
"""

import sys

bare = frozenset(sys.modules)
here = sys.path.pop(0)
sys.path.insert(0, here.rsplit("/", 2)[0])
import cgicompat.runners.process  # noqa: E402

del sys.path[0]
cgicompat.runners.process.run(sys.argv[1], sys.argv[2:], bare)
