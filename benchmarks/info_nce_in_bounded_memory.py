"""Claim: InfoNCE over 65,536 rows of 128 columns needs less than 1 GB, gradient included.

The N x N matrix of similarities alone would take 16 GB. Loss and gradient (torch), and the loss alone (numpy), each in
this process, with the peak memory above the rows.

    python benchmarks/info_nce_in_bounded_memory.py [--rows 65536] [--columns 128]
"""

import argparse
import resource
import sys
import time

import numpy as np

import eigenpairs as ep


def peak_megabytes() -> float:
    """Largest resident set of this process so far (Linux counts in kB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=65536)
    parser.add_argument("--columns", type=int, default=128)
    args = parser.parse_args()
    objective, G = ep.SimCLR(), ep.Relation.from_views(args.rows // 2, 2)
    Z = np.random.default_rng(0).standard_normal((args.rows, args.columns), dtype=np.float32)
    before, start = peak_megabytes(), time.perf_counter()
    loss = float(objective.loss(Z, G))
    print(
        f"numpy: loss {loss:.4f} of {args.rows:,} x {args.columns} in {time.perf_counter() - start:.1f} s, "
        f"{peak_megabytes() - before:.0f} MB above the rows"
    )
    try:
        import torch
    except ModuleNotFoundError:
        print("torch: not installed")
        return
    rows = torch.from_numpy(Z).requires_grad_()
    before, start = peak_megabytes(), time.perf_counter()
    loss = objective.loss(rows, G)
    loss.backward()
    print(
        f"torch: loss {float(loss.detach()):.4f} and gradient in {time.perf_counter() - start:.1f} s, "
        f"peak {peak_megabytes():.0f} MB in all; the similarities alone would take {args.rows**2 * 4 / 2**30:.0f} GB"
    )


if __name__ == "__main__":
    sys.exit(main())
