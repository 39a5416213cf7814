"""A recorded request in the directory that is configured here.

A recording may come from anywhere. It says which script was asked, and what; which scripts there are, and how
they run, is the configuration's to say, as it is for a request.
"""

from __future__ import annotations

import os

from cgicompat.apache.reading import Mistake
from cgicompat.apache.site import seen
from cgicompat.environ import is_of_request
from cgicompat.recordings.recording import Recording, RecordingError
from cgicompat.routing import Router

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cgicompat.config import Settings


def placed(recording: Recording, settings: Settings) -> Recording:
    """The recording for the script of the same name in `settings.directory`, with the variables of a request
    alone. Raises RecordingError where there is no such script."""
    old, new = recording.directory.rstrip("/"), settings.directory.rstrip("/")
    script = new + recording.script.removeprefix(old)
    router = Router(settings)
    try:
        lookup = seen(settings, recording.environ, router.alias)
    except Mistake as mistake:
        raise RecordingError(str(mistake)) from None
    if not router.is_script(script, lookup):
        what = "not a script of" if os.path.lexists(script) else "not there any more in"
        raise RecordingError(f"{recording.path}: {script} is {what} {settings.directory}; see --directory")
    environ = {name: value for name, value in recording.environ.items() if is_of_request(name)}
    if not settings.for_script(script).pass_authorization:
        environ.pop("HTTP_AUTHORIZATION", None)
    for name, value in environ.items():
        if value == old or value.startswith(f"{old}/"):
            environ[name] = new + value.removeprefix(old)
    if lookup:
        environ = {**lookup.variables(script), **environ}
    environ |= {"SCRIPT_FILENAME": script, "DOCUMENT_ROOT": settings.directory}
    if recording.sent.size or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(recording.sent.size)
    return Recording(**{**vars(recording), "environ": environ, "script": script})
