"""The recipes are run beside the VMM of the live tests, and what they record is compared alike."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "live"))
