"""Agreement over conditional writes: one log, kept by providers that run no code of ours.

Read `ballot` first, then `commit`. Top to bottom:

- `log`: the face: append, read, catch up.  `figures`: what it has done, for metrics.
- `commit`: the story of a slot: what waits becomes a batch, is proposed, decided, and applied.  `proposer`:
  with which ballot, and how an unfinished slot is decided.
- `announcement`: a gateway that is far away asks a nearer one to write its records.
- `read_index`: linearizable reads.  `waiting`: who waits for what.  `pace`: when to try again.
- `learn`: catching up slot by slot.  `replay`: many slots at once, by the chain of their hashes.
- `history`: what has been applied, and how the next slot has to follow.  `context`: what all of these
  share.
- `slot`: one slot's single-decree Paxos, driven over the voters.
- `tally`: what the voters' answers about one slot prove (sans-IO).
- `ballot`: the acceptor's rules as pure functions (sans-IO).
- `voter`: one provider as a passive acceptor, and the proof that it has not forgotten its promises.
- `portions`: reading a voter's states over a slow link.
- `state`: what a voter holds for a slot, as bytes with proof who wrote them and what was before.
- `batch`: what a slot's value is: a sealed, chained batch of opaque records.
- `genesis`: slot 0, written by `outlast init` and read before anything else is known.
- `laggards`, `refill`: giving a voter the slots that it missed or lost.

The records are opaque here: this package knows neither the catalog nor the coding of objects, so that
what is agreed never depends on the machinery that it governs.
"""
