"""Claim: on one thread, views of 32 x 32 images are at least four times as fast as kornia's.

The same chain in both: random resized crop, flip with p 0.5, colour jitter 0.4 0.4 0.4 0.1 with p 0.8, grey with p 0.2,
512 images of uint8 in, float32 out. Ours draws the order of the jitter for every sample, kornia one for all. The two
take turns, and the ratio is the median of the turns' ratios. kornia is no dependency of ours; for this comparison:

    python -m venv compare && compare/bin/pip install eigenpairs torch kornia
    compare/bin/python benchmarks/views_are_four_times_kornia.py [--size 32] [--images 512] [--turns 15] [--threads 1]
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from eigenpairs.deep.views import Chain, ColorJitter, Grey, RandomResizedCrop


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of processor time, which other programs on the machine change less."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    import torch

    try:
        from kornia import __version__
        from kornia import augmentation as K
    except ModuleNotFoundError:
        sys.exit("kornia is not installed; the first lines of this file say how to make an environment for it")
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    images = torch.randint(256, (args.images, 3, args.size, args.size), dtype=torch.uint8)
    ours = Chain([RandomResizedCrop(args.size, flip=0.5), ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8), Grey(0.2)])
    theirs = torch.nn.Sequential(
        K.RandomResizedCrop((args.size, args.size), scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)),
        K.RandomHorizontalFlip(p=0.5),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.RandomGrayscale(p=0.2),
    )
    turns = []
    for turn in range(args.turns + 2):
        pair = seconds(lambda: ours(images)), seconds(lambda: theirs(images.float() / 255))
        turns += [pair] if turn >= 2 else []
    fast, slow = np.array(turns).transpose(1, 0, 2)
    ours_per_s, theirs_per_s = (args.images / np.median(spent[:, 0]) for spent in (fast, slow))
    by_clock, by_processor = np.median(slow / fast, axis=0)
    print(
        f"{args.images} images of {args.size} x {args.size}, {args.threads} thread(s), {args.turns} turns: "
        f"ours {ours_per_s:,.0f} images/s, kornia {__version__} {theirs_per_s:,.0f}; "
        f"median ratio {by_clock:.1f} by the clock, {by_processor:.1f} by processor time"
    )


if __name__ == "__main__":
    sys.exit(main())
