"""Claim: fitting two towers costs little more than the matrix products and the decomposition it cannot avoid.

8,000 pairs of 384-dimensional vectors: `ep.spectrum` against three plain products (A^T A, B^T B, A^T B) and one
singular value decomposition of a 384 x 384 matrix, in one run.

    python benchmarks/two_towers_are_gram_bound.py [--rows 8000] [--columns 384]
"""

import argparse
import sys

import numpy as np
from _timing import median_seconds

import eigenpairs as ep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--columns", type=int, default=384)
    parser.add_argument("--repeat", type=int, default=7)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((args.rows, 50))
    A, B = (
        hidden @ rng.standard_normal((50, args.columns)) + rng.standard_normal((args.rows, args.columns))
        for _ in range(2)
    )
    square = rng.standard_normal((args.columns, args.columns))

    def unavoidable() -> None:
        for left, right in ((A, A), (B, B), (A, B)):
            left.T @ right
        np.linalg.svd(square)

    for ridge in (0.0, 1e-3):
        floor = median_seconds(unavoidable, args.repeat)
        ours = median_seconds(
            lambda ridge=ridge: ep.spectrum(
                ep.Towers(A, B), features=ep.Linear(ridge=ridge), n_components=args.columns
            ),
            args.repeat,
        )
        print(
            f"{args.rows:,} pairs of {args.columns} columns, ridge {ridge:g}: spectrum {ours:.3f} s, three products "
            f"and one decomposition {floor:.3f} s, ratio {ours / floor:.2f}"
        )


if __name__ == "__main__":
    sys.exit(main())
