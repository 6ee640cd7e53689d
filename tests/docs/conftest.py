"""Makes the generators of the site importable, as MkDocs does for its hooks."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "generate"))
