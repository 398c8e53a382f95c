"""Benchmarks: what the function costs in time, CPU, memory and money, beside a plain baseline."""

import sys
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "lambda"
if str(SOURCES) not in sys.path:
    sys.path.insert(0, str(SOURCES))  # the function's folder is a source root, not a package
