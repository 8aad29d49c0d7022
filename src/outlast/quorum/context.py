"""What the components of one gateway's log share."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from outlast.base.clock import Clock
from outlast.base.concurrency import Background
from outlast.base.entropy import Entropy
from outlast.quorum.batch import Opener, Seal
from outlast.quorum.figures import LogFigures
from outlast.quorum.pace import Pace
from outlast.quorum.voter import Voter
from outlast.quorum.waiting import Readers


@dataclass(frozen=True, slots=True)
class LogContext:
    """`gateway` (16 bytes) is new at every process start. A task must hold `turn` to change the history."""

    gateway: bytes
    voters: Sequence[Voter]
    seal: Seal
    open_value: Opener
    clock: Clock
    entropy: Entropy
    pace: Pace
    background: Background
    readers: Readers
    figures: LogFigures = field(default_factory=LogFigures)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
