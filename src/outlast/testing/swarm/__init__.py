"""The simulator's worlds, each drawn from a seed: what exists, what is asked, and what goes wrong.

Swarm testing: each seed gets a configuration of its own (how many providers of which kind, how far away
which gateway is, which faults there are at all, how large the constants), so that a batch of seeds goes
where no one configuration would. Everything that is drawn is a value, `Options`: it can be printed,
repeated, and made smaller.

- `chance`: a stream of chance with the few questions that are asked of it.
- `assume`: what the design rests on, as switches.  `options`: what a seed draws.  `profiles`: from what it
  draws.
- `scenario`: places and machines, and what befalls them.  `log_world`: the log alone.  `store_world`: all of
  it.
- `run`: one seed, with its marks, its figures and its report.  `batch`: many, and the marks that they must
  reach.
- `shrink`: the smallest options that still fail.  `soak`: fresh seeds for as long as one likes.
"""
