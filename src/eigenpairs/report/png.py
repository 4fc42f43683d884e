"""Small pictures inside a page: PNG as a data address, from an array, without an imaging library."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

CHANNELS = {1: 0, 3: 2, 4: 6}
"""PNG's type of colour by the number of channels."""

LARGEST = 96
"""Pixels of a side; of larger images every so manyth pixel is taken."""


def data_address(image: np.ndarray, low: float, high: float) -> str:
    """`image` (H, W) or (H, W, C), C of 1, 3 or 4, as ``data:image/png;base64,...``; low is black, high is white."""
    step = -(-max(image.shape[:2]) // LARGEST)
    image = image[::step, ::step].astype(np.float64)
    scaled = np.clip((image - low) / ((high - low) or 1.0), 0, 1)
    pixels = np.round(255 * scaled).astype(np.uint8).reshape(*image.shape[:2], -1)
    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8, CHANNELS[channels], 0, 0, 0)
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # 0: no filter
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    file = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)
    return "data:image/png;base64," + base64.b64encode(file).decode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
