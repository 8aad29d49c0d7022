"""The setting of the C library is taken where there is one."""

import platform

import pytest

from outlast.base.memory import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_glibc_keeps_freed_memory() -> None:
    assert keep_freed_memory()
