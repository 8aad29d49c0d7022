"""Telling the C library to keep what it has.

Stripes and shares are buffers of half a MiB and more, made and dropped hundreds of times a second. As it
comes, glibc gives such memory back to the kernel at every drop and asks for it anew at the next, and the
kernel's zeroing of fresh pages costs more than sealing and coding together: encoding 2 + 1 ran at 0.8 GB/s,
and at 3.1 GB/s with the setting below.

This is a setting of the whole process, so only who owns the process (a command, a gateway) makes it.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEEP_BYTES = 64 << 20
"""Free memory at the top of the heap that is kept: a few extents with their fragments, no more."""
_HEAP_BYTES_MAX = 32 << 20
"""Buffers up to this size come from the heap; the largest value that glibc takes on 64 bits."""
_ARENAS = 1
"""Heaps. By itself glibc gives each thread one, and each would keep so much: with the disks' threads a
gateway under eight slow clients took 315 MiB, and takes 213 with one heap. They seldom allocate at once."""


def keep_freed_memory() -> bool:
    """Keep freed memory for the next stripe. False where the C library has no such setting (not glibc)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    settings = (
        (_M_MMAP_THRESHOLD, _HEAP_BYTES_MAX),
        (_M_TRIM_THRESHOLD, _KEEP_BYTES),
        (_M_ARENA_MAX, _ARENAS),
    )
    return all(mallopt(name, value) for name, value in settings)
