"""Claim: setting DirectCopy's predictor costs under 2 % of setting DirectPred's at 2,048 columns.

DirectPred needs an eigendecomposition of the second moment F, DirectCopy a copy (for the spectral norm two power
iterations, which go on from the last step's vector). Taking a batch into F, which both do first, is timed beside.

    python benchmarks/directcopy_update_is_cheap.py [--widths 128 512 2048] [--threads 1]
"""

import argparse
import sys
from functools import partial

import torch
from _timing import median_seconds

import eigenpairs as ep
from eigenpairs.deep.methods import Direct


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 512, 2048])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    methods = {
        "DirectPred": ep.DirectPred(),
        "DirectCopy, spectral norm": ep.DirectCopy(),
        "DirectCopy, Frobenius norm": ep.DirectSet(norm="frobenius"),
    }
    for width in args.widths:
        Z = torch.randn(2 * args.batch, width) * torch.linspace(0.1, 1, width)
        heads = {name: Direct(objective).head(width) for name, objective in methods.items()}
        seconds = {}
        for name, head in heads.items():
            head.after_step(Z)
            seconds[name] = median_seconds(head.set_predictor, 3 if width > 1000 else 20)
        moment = median_seconds(partial(heads["DirectPred"].moment.update, Z), 10)
        base = seconds["DirectPred"]
        shares = ", ".join(f"{name} {took * 1e3:.2f} ms ({took / base:.1%})" for name, took in seconds.items())
        print(
            f"{width} columns, batch {args.batch}, {args.threads} thread(s): {shares}; F itself {moment * 1e3:.2f} ms"
        )


if __name__ == "__main__":
    sys.exit(main())
