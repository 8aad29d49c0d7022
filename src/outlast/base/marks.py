"""Stub until the simulator's branch is merged."""


def reached(mark: str) -> None:
    """A state that a run should reach."""
