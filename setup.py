"""What setup.cfg cannot say: the library in C, which is no module of Python's. ctypes loads it; where it
cannot be built, cgicompat does without it."""

from glob import glob

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "cgicompat.rewind._memory",
            sorted(glob("cgicompat/rewind/*.c")),
            depends=["cgicompat/rewind/rewind.h"],
            extra_compile_args=["-std=gnu11", "-Wall", "-Wextra", "-U_FORTIFY_SOURCE"],
            libraries=["m"],  # fegetenv(3)
            optional=True,
        )
    ]
)
