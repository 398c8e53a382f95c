"""Demo: the whole product on this machine: `python -m demo` is a story with an end, `python -m demo.phone` a page.

It reads what the function wrote with the function's own code, so lambda/ is a source root here as it is for pytest.
"""

import sys
from pathlib import Path

LAMBDA = Path(__file__).parents[1] / "lambda"

if str(LAMBDA) not in sys.path:
    sys.path.insert(0, str(LAMBDA))
