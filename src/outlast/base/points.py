"""Stub until the simulator's branch is merged."""


async def point(name: str) -> None:
    """A place at which a simulated host may crash."""
