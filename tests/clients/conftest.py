"""A running gateway for real clients, one for all tests of a process, and buckets of their own."""

import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes `real_clients` importable for the tests beside it

from real_clients import Service, serve

_numbers = count()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A gateway that all tests share; none of them harms it."""
    yield from serve(tmp_path_factory.mktemp("outlast"))


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Service]:
    """A gateway of this test alone, which may lose providers."""
    yield from serve(tmp_path / "outlast")


@pytest.fixture
def bucket(service: Service) -> str:
    """A new bucket."""
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    service.boto().create_bucket(Bucket=name)
    return name
