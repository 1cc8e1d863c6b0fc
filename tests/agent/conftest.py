"""The agent: helpers shared by the tests of this folder."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "live"))  # what this machine must offer; a VMM
