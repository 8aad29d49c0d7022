"""Agreement over conditional writes: one log, kept by providers that run no code of ours.

Read `ballot` first, then `commit`. Top to bottom:

- `log`: the interface: append, read, catch up.  `figures`: its counters, for metrics.
- `commit`: the life of a slot: queued records become a batch, are proposed, decided, and applied.
  `proposer`: chooses ballots and decides unfinished slots.
- `announcement`: a gateway that is far away asks a nearer one to write its records.
- `read_index`: linearizable reads.  `waiting`: the callers that wait.  `pace`: when to retry.
- `learn`: catching up slot by slot.  `replay`: many slots at once, by their hash chain.
- `history`: what has been applied, and how the next slot must follow.  `context`: what all of these share.
- `slot`: one slot's single-decree Paxos, driven over the voters.
- `tally`: what the voters' answers about one slot prove (sans-IO).
- `ballot`: the acceptor's rules as pure functions (sans-IO).
- `voter`: one provider as a passive acceptor, and the proof that it has not forgotten its promises.
- `portions`: reading a voter's states over a slow link.
- `state`: what a voter holds for a slot, as bytes that prove who wrote them and what came before.
- `batch`: a slot's value: a sealed, chained batch of opaque records.
- `genesis`: slot 0, written by `outlast init` and read before anything else is known.
- `laggards`, `refill`: giving a voter the slots that it missed or lost.

Records are opaque here: this package knows neither the catalog nor the coding of objects, so agreement never
depends on the machinery that it governs.
"""
