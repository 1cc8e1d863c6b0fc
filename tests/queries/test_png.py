import struct
import zlib

import numpy as np

from app.queries.maps._raster_image import SIGNATURE, encode_png


def chunks(png: bytes) -> dict[bytes, bytes]:
    """Take a PNG apart, checking every chunk's length and checksum."""
    assert png.startswith(SIGNATURE)
    found: dict[bytes, bytes] = {}
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(kind + body),)
        found[kind] = body
        at += length + 12
    return found


def test_png_keeps_every_pixel_and_colour() -> None:
    pixels = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    colours = np.array([[0, 0, 0, 0], [10, 20, 30, 255], [40, 50, 60, 255]], np.uint8)

    parts = chunks(encode_png(pixels, colours))

    assert list(parts) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", parts[b"IHDR"]) == (3, 2, 8, 3, 0, 0, 0)
    assert parts[b"PLTE"] == bytes([0, 0, 0, 10, 20, 30, 40, 50, 60])
    assert parts[b"tRNS"] == bytes([0, 255, 255])
    assert zlib.decompress(parts[b"IDAT"]) == bytes([0, 0, 1, 2, 0, 2, 1, 0])
