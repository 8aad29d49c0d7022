"""Agreement over conditional writes: one log, kept by providers that run no code of ours.

Top to bottom:

- `log`: the sequence of slots: append with group commit, linearizable reads, catching up.
- `replay`: learning many slots at once by following the hash chain.
- `slot`: one slot's single-decree Paxos, driven over the voters: fast path, slow path, question.
- `tally`: what the voters' answers about one slot prove (sans-IO).
- `ballot`: the acceptor's rules as pure functions (sans-IO). Read this first.
- `voter`: one provider as a passive acceptor, and the proof that it has not forgotten its promises.
- `batch`: what a slot's value is: a sealed, chained batch of opaque records.
- `genesis`: slot 0, written by `outlast init` and read before anything else is known.
- `refill`: giving a voter the slots that it missed or lost.

The records are opaque here: this package knows neither the catalog nor the coding of objects, so that
what is agreed never depends on the machinery that it governs.
"""
