"""The simulator's worlds, each drawn from a seed: what exists, what is requested, and what goes wrong.

Swarm testing: each seed gets a configuration of its own (how many providers of each kind, the distance of
each gateway, which faults occur, how large the constants are), so that a batch of seeds reaches
states that no single configuration would. Everything that is drawn is a value, `Options`: it can be printed,
repeated, and made smaller.

- `chance`: a seeded stream of random choices.
- `assume`: the design's assumptions, as switches.  `options`: what a seed draws.  `profiles`: what it draws
  from.
- `scenario`: places and machines, and what happens to them.  `lies`: wrong answers of providers.
  `log_world`: the log alone.  `store_world`, `store_scene`, `store_faults`,
  `store_machine`: the whole store.
- `run`: one seed, with its marks, its figures and its report.  `batch`: many, and the marks that they must
  reach.
- `shrink`: the smallest options that still fail.  `__main__`: one seed, or fresh seeds for a given time.
- `planted`: known bugs that the swarm must find again.  `mutants`: how many seeds each needs.
"""
