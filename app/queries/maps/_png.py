"""A palette PNG, the smallest picture a browser can show of a map.

PNG specification (third edition), sections 5 and 11: signature, IHDR, PLTE, tRNS, IDAT, IEND.
"""

import struct
import zlib

import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPE_PALETTE = 3
COMPRESSION_LEVEL = 1


def encode_png(pixels: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint8]) -> bytes:
    """Encode palette indices [height, width], row 0 at the top, with RGBA colours [n <= 256, 4]."""
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPE_PALETTE, 0, 0, 0)
    # Every scan line begins with its filter type; 0 (none) suits indices, which are no gradients.
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = pixels
    return b"".join(
        (
            SIGNATURE,
            chunk(b"IHDR", header),
            chunk(b"PLTE", colours[:, :3].tobytes()),
            chunk(b"tRNS", colours[:, 3].tobytes()),
            chunk(b"IDAT", zlib.compress(lines.data, COMPRESSION_LEVEL)),
            chunk(b"IEND", b""),
        )
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)
