"""Make the C library keep freed memory.

Stripes and shares are buffers of half a MiB and more, allocated and freed hundreds of times a second. By
default glibc returns such memory to the kernel at every free and requests it again at the next allocation.
The kernel's zeroing of fresh pages costs more than sealing and coding together: encoding 2 + 1 ran at
0.8 GB/s, and at 3.1 GB/s with the setting below.

The setting affects the whole process, so only the owner of the process (a command, a gateway) makes it.
"""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEEP_BYTES = 64 << 20
"""Free memory kept at the top of the heap: enough for a few extents with their fragments."""
_HEAP_BYTES_MAX = 32 << 20
"""Buffers up to this size come from the heap; the largest value that glibc accepts on 64 bits."""
_ARENAS = 1
"""Number of heaps. By default glibc gives each thread its own, and each would keep `_KEEP_BYTES`: with the
disks' threads a gateway under eight slow clients took 315 MiB; with one heap it takes 213. Threads rarely
allocate at the same time."""


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
