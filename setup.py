"""What setup.cfg cannot say: the library in C, which is no module of Python's. ctypes loads it; where it
cannot be built, cgicompat does without it.

It uses nothing of Python, so one wheel is for all versions. Those without a GIL know no such wheels.
"""

import sysconfig
from glob import glob

from setuptools import Extension, setup

any_version = not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    ext_modules=[
        Extension(
            "cgicompat.rewind._memory",
            sorted(glob("cgicompat/rewind/*.c")),
            depends=["cgicompat/rewind/rewind.h"],
            extra_compile_args=["-std=gnu11", "-Wall", "-Wextra", "-U_FORTIFY_SOURCE"],
            libraries=["m"],  # fegetenv(3)
            py_limited_api=any_version,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if any_version else {},
)
