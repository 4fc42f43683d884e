"""Claim: a linear spectrum costs little more than the matrix products it cannot avoid.

One million rows by 256 columns, two views each: `ep.spectrum` against two plain products X.T @ X in the same run,
and the memory it needs above the data. With --out-of-core the same from a .npy file that is memory-mapped.

    python benchmarks/linear_spectrum_is_gram_bound.py [--rows 1000000] [--dtype float64] [--out-of-core DIR]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import eigenpairs as ep


def anonymous_megabytes(field: str) -> float:
    """RssAnon (now) or VmHWM (peak) of this process; Linux only, nan elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


class PeakAnonymous:
    """Largest RssAnon seen while the work goes on, sampled from a thread."""

    def __enter__(self):
        import threading

        self.before = self.peak = anonymous_megabytes("RssAnon")
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def _watch(self):
        while not self.stop.wait(0.01):
            self.peak = max(self.peak, anonymous_megabytes("RssAnon"))

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def make_rows(out: np.ndarray, block: int = 50_000) -> None:
    """Two views that share a random part of every column."""
    n, D = len(out) // 2, out.shape[1]
    share = np.linspace(0.99, 0.0, D)
    rng = np.random.default_rng(0)
    for start in range(0, n, block):
        rows = slice(start, min(start + block, n))
        source = rng.standard_normal((rows.stop - rows.start, D), dtype=np.float32)
        for view in range(2):
            noise = rng.standard_normal(source.shape, dtype=np.float32)
            out[view * n + rows.start : view * n + rows.stop] = np.sqrt(share) * source + np.sqrt(1 - share) * noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=256)
    parser.add_argument("--dtype", default="float64", choices=["float32", "float64"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out-of-core", metavar="DIR", help="put the rows in a .npy file there and memory-map it")
    args = parser.parse_args()
    shape = (args.rows, args.columns)
    G = ep.Relation.from_views(args.rows // 2, 2)

    if args.out_of_core:
        with tempfile.TemporaryDirectory(dir=args.out_of_core) as folder:
            X = np.lib.format.open_memmap(f"{folder}/X.npy", "w+", args.dtype, shape)
            make_rows(X)
            X.flush()
            X = np.load(f"{folder}/X.npy", mmap_mode="r")
            with PeakAnonymous() as memory:
                took = seconds(lambda: ep.spectrum(X, G))
            size = X.nbytes / 2**30
            print(f"{size:.2f} GB file: {took:.1f} s, anonymous memory at most {memory.peak:.0f} MB")
        return

    X = np.empty(shape, args.dtype)
    make_rows(X)
    gram = [seconds(lambda: X.T @ X) for _ in range(2 * args.repeat)]
    with PeakAnonymous() as memory:
        ours = [seconds(lambda: ep.spectrum(X, G)) for _ in range(args.repeat)]
    two = 2 * float(np.median(gram))
    print(
        f"{shape[0]:,} x {shape[1]} {args.dtype}: spectrum {np.median(ours):.2f} s, two products X.T @ X {two:.2f} s, "
        f"ratio {np.median(ours) / two:.2f}; memory above the data {memory.peak - memory.before:.0f} MB"
    )
    values = [1.0 * k for k in range(1, 101)]
    spec = ep.spectrum(X, G)
    path = seconds(lambda: [ep.VICReg(invariance=value).optimum(spec.rho, 64) for value in values])
    print(f"100 hyper-parameter values: {path:.3f} s, {path / np.median(ours):.1%} of the spectrum")


if __name__ == "__main__":
    sys.exit(main())
