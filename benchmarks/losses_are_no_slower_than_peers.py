"""Claim: loss and gradient of every objective that lightly or pytorch-metric-learning also has cost no more than there.

Two views of n sources, float32, on CPU. Ours is called as users call it, `objective.loss(Z, Relation.from_views(n, 2))`
with the views stacked in one tensor; the peers get each view as a tensor of its own. Per case:

- time: ours and the peer's step in turn, the median of the ratios, with 1 and with 2 threads pinned to as many cores;
- memory: the most that torch's allocator holds at once above the input during a step, from torch.profiler's record of
  every allocation and release (the size of the process itself is too coarse for steps of a few hundred kB; the
  claim on InfoNCE at 8,192 sources, in `info_nce_in_bounded_memory.py`, is by the process itself);
- whether both give the same number, where the peer's loss is the same function (`per_view=True` takes statistics
  view by view as the peers do).

The peers live in an environment of their own; they are no dependency of this package:

    python -m venv peers
    peers/bin/pip install torch
    peers/bin/pip install eigenpairs pytorch-metric-learning
    peers/bin/pip install --no-deps lightly
    peers/bin/python benchmarks/losses_are_no_slower_than_peers.py [--seconds 1] [--only VICReg]
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import eigenpairs as ep

SHAPES = [(n, K) for n in (256, 1024) for K in (128, 2048)]

LARGEST = 12 * 2**30
"""Address space of a process; a peer that wants more is skipped with its own message."""


@dataclass
class Case:
    """An objective of ours, the peer's loss of two views, and whether the two are the same function."""

    ours: ep.objective.Objective
    peer: Callable
    same: bool = True
    note: str = ""


def lightly(name: str, kind: str) -> type:
    """A loss of lightly from its own file: the package as a whole wants torchvision, its losses do not."""
    if "lightly" not in sys.modules:
        found = importlib.util.find_spec("lightly")
        if found is None or found.origin is None:
            raise ModuleNotFoundError("lightly is not installed")
        for package in ("lightly", "lightly.loss", "lightly.utils", "lightly.models", "lightly.models.modules"):
            bare = sys.modules[package] = types.ModuleType(package)
            bare.__path__ = [str(Path(found.origin).parent.joinpath(*package.split(".")[1:]))]
        sys.modules["lightly.models"].utils = None  # of networks; the memory bank of NT-Xent names it and is not used
    return getattr(importlib.import_module(f"lightly.loss.{name}"), kind)


def metric_learning(name: str, **settings) -> Callable:
    losses = importlib.import_module("pytorch_metric_learning.losses")
    return getattr(losses, name)(**settings)


def cases(K: int) -> dict[str, Callable[[], Case]]:
    """Peer's name -> what makes the case; a missing peer raises ModuleNotFoundError."""

    def nt_xent() -> Callable:
        losses = importlib.import_module("pytorch_metric_learning.losses")
        return losses.SelfSupervisedLoss(losses.NTXentLoss(temperature=0.1))

    def vicreg_of_metric_learning() -> Callable:
        loss = metric_learning("VICRegLoss")
        return lambda a, b: loss(a, ref_emb=b)

    def whitening() -> Callable:
        loss = lightly("wmse_loss", "WMSELoss")(embedding_dim=K, w_size=256)
        return lambda a, b: loss(stacked(a, b))

    def coding_rate() -> Callable:
        loss = lightly("emp_ssl_loss", "EMPSSLLoss")()
        return lambda a, b: loss([a, b])

    barlow = "barlow_twins_loss", "BarlowTwinsLoss"
    return {
        "VICReg, lightly": lambda: Case(ep.VICReg(), lightly("vicreg_loss", "VICRegLoss")()),
        "VICReg, metric-learning": lambda: Case(ep.VICReg(), vicreg_of_metric_learning()),
        "Barlow Twins, lightly": lambda: Case(ep.BarlowTwins(), lightly(*barlow)()),
        "NT-Xent, lightly": lambda: Case(ep.SimCLR(0.1), lightly("ntx_ent_loss", "NTXentLoss")(temperature=0.1)),
        "NT-Xent, metric-learning": lambda: Case(ep.SimCLR(0.1), nt_xent()),
        "Whitening, lightly W-MSE": lambda: Case(ep.Whitening(), whitening(), same=False),
        "LogDet, lightly EMP-SSL": lambda: Case(ep.LogDet(), coding_rate(), same=False),
    }


def stacked(a, b):
    import torch

    return torch.cat([a, b])


def steps(case: Case, n: int, K: int) -> tuple[Callable, Callable]:
    """Loss and backward as functions without arguments, ours and the peer's."""
    import torch

    random = torch.Generator().manual_seed(0)
    source = torch.randn(n, K, generator=random)
    views = [source + 0.5 * torch.randn(n, K, generator=random) for _ in range(2)]
    Z, G = torch.cat(views).requires_grad_(), ep.Relation.from_views(n, 2)
    apart = [view.clone().requires_grad_() for view in views]

    def ours():
        Z.grad = None
        case.ours.loss(Z, G).backward()

    def peer():
        apart[0].grad = apart[1].grad = None
        case.peer(*apart).backward()

    if case.same:
        with torch.no_grad():
            expected = float(case.peer(*apart))
            found = float(case.ours.loss(Z, G, per_view=True))
        if abs(found - expected) > 1e-3 * abs(expected):
            raise SystemExit(f"{case.ours}: {found} differs from the peer's {expected} at {n} x {K}")
    return ours, peer


def peak_bytes(step: Callable) -> int:
    """The most that torch's allocator holds at once during a step, above what it held before."""
    from torch.profiler import ProfilerActivity, profile

    peaks = []
    for _ in range(3):  # what the step before left to be collected must not be counted as released by this one
        step()
        gc.collect()
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
            step()
        events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
        sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
        peaks.append(int(max(np.cumsum(sizes), default=0)))
    return int(np.median(peaks))


def compare(case: Case, n: int, K: int, seconds: float) -> dict:
    ours, peer = steps(case, n, K)
    for _ in range(2):
        ours(), peer()
    took: list[list[float]] = []
    end = time.perf_counter() + 2 * seconds
    while len(took) < 7 or time.perf_counter() < end:
        took.append([])
        for step in (ours, peer):
            start = time.perf_counter()
            step()
            took[-1].append(time.perf_counter() - start)
    times = np.array(took)
    return {
        "ours": float(np.median(times[:, 0])),
        "peer": float(np.median(times[:, 1])),
        "time": float(np.median(times[:, 0] / times[:, 1])),
        "memory ours": peak_bytes(ours),
        "memory": peak_bytes(ours) / peak_bytes(peer),
    }


def measure(threads: int, seconds: float, only: str) -> None:
    """In a process of its own, bound to `threads` cores: one line of JSON per case."""
    import torch

    torch.set_num_threads(threads)
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST, LARGEST))
    warnings.filterwarnings("ignore")
    for n, K in SHAPES:
        for name, make in cases(K).items():
            if only.lower() not in name.lower():
                continue
            line: dict = {"case": name, "n": n, "K": K, "threads": threads}
            try:
                line |= compare(make(), n, K, seconds)
            except (ModuleNotFoundError, ValueError, RuntimeError) as reason:
                line["skipped"] = str(reason).splitlines()[0][:90]
            print(json.dumps(line), flush=True)


def in_a_child(threads: int, seconds: float, only: str) -> list[dict]:
    command = [sys.executable, __file__, "--seconds", str(seconds), "--only", only, "--child", str(threads)]
    cores = sorted(os.sched_getaffinity(0))[:threads] if hasattr(os, "sched_setaffinity") else None
    ready = None if cores is None else lambda: os.sched_setaffinity(0, cores)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    found = subprocess.run(command, env=environment, preexec_fn=ready, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]  # the profiler prints too


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="at least this long for each side of a case")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--child", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        measure(args.child, args.seconds, args.only)
        return
    one, two = (in_a_child(threads, args.seconds, args.only) for threads in (1, 2))
    print(f"{'loss + backward, ours / peer':30}{'n':>6}{'K':>6}{'1 thread':>10}{'2 threads':>10}{'memory':>8}   (ms)")
    for a, b in zip(one, two, strict=True):
        start = f"{a['case']:30}{a['n']:>6}{a['K']:>6}"
        reason = a.get("skipped") or b.get("skipped")
        if reason:
            print(f"{start}   skipped: {reason}")
            continue
        detail = f"   ({1e3 * a['ours']:.2f} / {1e3 * a['peer']:.2f}; {1e3 * b['ours']:.2f} / {1e3 * b['peer']:.2f})"
        print(f"{start}{a['time']:>10.2f}{b['time']:>10.2f}{a['memory']:>8.2f}{detail}")


if __name__ == "__main__":
    sys.exit(main())
