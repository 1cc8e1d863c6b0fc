"""Real recordings and their ground truth, unpacked: see tests/recordings/README.md."""

import lzma
from pathlib import Path

import pytest

RECORDINGS = Path(__file__).parent / "recordings"


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for packed in RECORDINGS.rglob("*.xz"):
        path = folder / packed.relative_to(RECORDINGS).with_suffix("")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(lzma.decompress(packed.read_bytes()))
    return folder
