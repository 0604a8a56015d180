"""
The tests see trouper as its users do: as an installed package.

`python -m pytest` puts the current folder in front of sys.path, and there a room called `mailbox` would hide the standard
library's module of that name. The root of the repository is taken off the path here, and workers that a test starts get the
same rule from the environment.
"""

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent

sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != _ROOT]
os.environ["PYTHONSAFEPATH"] = "1"
