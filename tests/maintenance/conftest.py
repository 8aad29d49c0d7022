"""Makes the store tests' `store_worlds` importable for the tests beside this."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
