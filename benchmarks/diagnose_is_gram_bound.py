"""Claim: diagnosing a large file costs little more than one product of its rows, in bounded memory.

`ep.diagnose` of a float32 file (1,000,000 x 512, written to --folder and removed) against X^T X summed chunk by chunk,
in float32 and in float64, in one run. Prints seconds, ratios and anonymous memory (pages of the file itself aside).

    python benchmarks/diagnose_is_gram_bound.py [--rows 1000000] [--columns 512] [--folder .]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from _timing import median_seconds

import eigenpairs as ep


def write_rows(path: Path, rows: int, columns: int) -> np.ndarray:
    """A file of correlated rows, memory-mapped for reading."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((columns, columns), dtype=np.float32) * np.geomspace(1, 0.01, columns, dtype=np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (rows, columns))
    for start in range(0, rows, 20_000):
        stop = min(start + 20_000, rows)
        out[start:stop] = rng.standard_normal((stop - start, columns), dtype=np.float32) @ mix
    out.flush()
    return np.load(path, mmap_mode="r")


def product(rows: np.ndarray, dtype: type) -> np.ndarray:
    """X^T X, a chunk at a time."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), 8192):
        chunk = np.asarray(rows[start : start + 8192], dtype=dtype)
        total += chunk.T @ chunk
    return total


def anonymous_mb() -> float:
    """Memory of this process that no file stands behind."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where the file goes; the system's temporary folder by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        rows = write_rows(Path(folder) / "rows.npy", args.rows, args.columns)
        product(rows, np.float32)  # the file is in the page cache from here on
        before = anonymous_mb()
        ours = median_seconds(lambda: ep.diagnose(rows), args.repeat)
        grown = anonymous_mb() - before
        single, double = (median_seconds(lambda d=d: product(rows, d), args.repeat) for d in (np.float32, np.float64))
    print(f"{args.rows:,} x {args.columns} float32: diagnose {ours:.2f} s, {grown:.0f} MB kept")
    print(f"X^T X in float32 {single:.2f} s: ratio {ours / single:.2f}; in float64 {double:.2f} s: {ours / double:.2f}")


if __name__ == "__main__":
    sys.exit(main())
