"""What setup.cfg cannot say: the library in C, which is no module of Python's. ctypes loads it; where it
cannot be built, cgicompat does without it."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "cgicompat.rewind._memory",
            ["cgicompat/rewind/memory.c", "cgicompat/rewind/kernel.c"],
            depends=["cgicompat/rewind/rewind.h"],
            extra_compile_args=["-std=gnu11", "-Wall", "-Wextra", "-U_FORTIFY_SOURCE"],
            libraries=["m"],  # fegetenv(3)
            optional=True,
        )
    ]
)
