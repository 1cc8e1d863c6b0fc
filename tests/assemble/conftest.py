import lzma
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real recordings and their ground truth: see tests/recordings/README.md."""
    folder = tmp_path_factory.mktemp("recordings")
    for packed in RECORDINGS.rglob("*.xz"):
        path = folder / packed.relative_to(RECORDINGS).with_suffix("")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(lzma.decompress(packed.read_bytes()))
    return folder
