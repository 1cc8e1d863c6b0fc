"""What was running already: helpers of this folder and the VMM of the live tests."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "live")]
