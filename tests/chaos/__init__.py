"""Chaos: many conversations on the deployed package, under crashes and faults, and what came of each.

It reads what the function wrote with the function's own code, so lambda/ is a source root here as it is for pytest.
"""

import sys
from pathlib import Path

LAMBDA = Path(__file__).parents[2] / "lambda"

if str(LAMBDA) not in sys.path:
    sys.path.insert(0, str(LAMBDA))
