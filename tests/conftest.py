"""What holds for every test."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

pytest_plugins = ("acting", "parallel", "patience", "skips", "small_guest", "unpacked")
