"""Claims: InfoNCE over 65,536 rows of 128 columns needs less than 1 GB, gradient included; and with 8,192 sources of
two views a quarter of the memory of lightly's NT-Xent.

The N x N matrix of similarities alone would take 16 GB. Loss and gradient (torch), and the loss alone (numpy), each in
this process, with the peak memory above the rows. `--peer` compares with lightly instead: loss and gradient in a fresh
process each, by the largest resident set above that before the step (an environment with lightly is made as
`losses_are_no_slower_than_peers.py` says).

    python benchmarks/info_nce_in_bounded_memory.py [--rows 65536] [--columns 128]
    peers/bin/python benchmarks/info_nce_in_bounded_memory.py --peer [--rows 16384]
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

import eigenpairs as ep


def peak_megabytes() -> float:
    """Largest resident set of this process so far (Linux counts in kB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def step(rows: int, columns: int, whose: str) -> None:
    """One step of "ours" or "lightly" in this process: prints the peak in MB above the rows, and the seconds."""
    import torch

    half = torch.randn(rows // 2, columns, generator=torch.Generator().manual_seed(0))
    other = half + 0.5 * torch.randn(rows // 2, columns, generator=torch.Generator().manual_seed(1))
    if whose == "ours":
        Z, G = torch.cat([half, other]).requires_grad_(), ep.Relation.from_views(rows // 2, 2)
        del half, other

        def loss():
            return ep.SimCLR(temperature=0.1).loss(Z, G)
    else:
        from losses_are_no_slower_than_peers import lightly

        peer = lightly("ntx_ent_loss", "NTXentLoss")(temperature=0.1)
        half.requires_grad_(), other.requires_grad_()

        def loss():
            return peer(half, other)

    before, start = peak_megabytes(), time.perf_counter()
    loss().backward()
    print(peak_megabytes() - before, time.perf_counter() - start)


def compare(rows: int, columns: int) -> None:
    found = {}
    for whose in ("ours", "lightly"):
        command = [sys.executable, __file__, "--rows", str(rows), "--columns", str(columns), "--step", whose]
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found[whose], took = (float(value) for value in printed.split())
        print(f"{whose}: {found[whose]:.0f} MB above the rows, {took:.1f} s")
    print(
        f"{rows // 2:,} sources of two views, {columns} columns: {found['ours'] / found['lightly']:.3f} of the memory"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=65536)
    parser.add_argument("--columns", type=int, default=128)
    parser.add_argument("--peer", action="store_true", help="against lightly's NT-Xent")
    parser.add_argument("--step", choices=("ours", "lightly"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        step(args.rows, args.columns, args.step)
        return
    if args.peer:
        compare(args.rows, args.columns)
        return
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
