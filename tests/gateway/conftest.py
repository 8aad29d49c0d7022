"""A gateway over a whole store in memory, in a thread of its own, and clients for it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from running_gateway import Client, RunningGateway


@pytest.fixture(scope="session")
def gateway() -> Iterator[RunningGateway]:
    """One gateway for all tests; each has a bucket of its own."""
    with RunningGateway() as running:
        yield running


@pytest.fixture(scope="session")
def s3(gateway: RunningGateway) -> Client:
    """boto3 with its defaults of today."""
    return gateway.client()


@pytest.fixture
def bucket(gateway: RunningGateway, s3: Client) -> str:
    """A new bucket."""
    name = gateway.new_name()
    s3.create_bucket(Bucket=name)
    return name
