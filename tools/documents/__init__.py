"""Generated parts of the documents: tables and diagrams that the code itself draws.

The code they are drawn from is the function's own, so lambda/ is a source root here as it is for pytest.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAMBDA = ROOT / "lambda"

if str(LAMBDA) not in sys.path:
    sys.path.insert(0, str(LAMBDA))
