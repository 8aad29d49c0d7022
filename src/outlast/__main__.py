"""`python -m outlast` is `outlast`."""

from outlast.cli.start import main

main()
