#!/usr/bin/env python3
"""Draws eng/icon.png, the icon of the packages: three nodes, each linked to the others. 128 x 128."""
import math
import pathlib
import struct
import zlib

SIZE, SAMPLES = 128, 4
BACK, LINE = (24, 32, 56), (120, 170, 255)
NODES = [(64, 30, (255, 255, 255)), (30, 92, (120, 170, 255)), (98, 92, (120, 170, 255))]
EDGES = [(0, 1), (1, 2), (2, 0)]


def distance(x, y, a, b):
    ax, ay, bx, by = *NODES[a][:2], *NODES[b][:2]
    t = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)))
    return math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay))


def colour(x, y):
    for nx, ny, c in NODES:
        if math.hypot(x - nx, y - ny) < 15:
            return c
    return LINE if any(distance(x, y, a, b) < 3.5 for a, b in EDGES) else BACK


def pixel(px, py):
    points = [colour(px + (i + 0.5) / SAMPLES, py + (j + 0.5) / SAMPLES) for i in range(SAMPLES) for j in range(SAMPLES)]
    return bytes(sum(p[k] for p in points) // len(points) for k in range(3))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(SIZE)) for y in range(SIZE))
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)) \
    + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
pathlib.Path(__file__).with_name("icon.png").write_bytes(png)
