"""A siege: real gateways on one store over directories, real clients, and everything that can go wrong.

    make siege MINUTES=60 SEED=7

It sees what a person sees: the command line, S3, and the providers' directories. Clients work without retries
on a dozen hot keys, while nemeses strike: gateways are killed, stopped, and started with a wrong clock;
providers are emptied, renamed away, and drilled. At most as many providers are harmed at once as the store
tolerates. So no request may fail, except those whose own gateway was dead or stopped; the history must be
linearizable; and at the end every acknowledged object must be there, however it is read.

- `options`: what follows from the seed.  `dice`: seeded choices.
- `system`: the store, its gateways and commands.  `gateway`: one of these.
- `load`: the clients.  `door`: sends their requests to a gateway and judges each answer.
- `harm`: nemeses of providers.  `removal`: how a directory is emptied.  `repair`: undoes the harm.
- `disturb`: nemeses of gateways.
- `timeline`: what was done and found.  `verdict`: the final checks.  `evidence`: what is kept.
- `siege`: all of it together.  `__main__`: runs sieges until the time is up.
"""

from outlast.testing.siege.options import SiegeOptions
from outlast.testing.siege.siege import besiege
from outlast.testing.siege.timeline import Timeline

__all__ = ["SiegeOptions", "Timeline", "besiege"]
