"""The training loop: one step, one epoch, and what stops it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn

from eigenpairs.deep.methods import Method
from eigenpairs.deep.network import Network
from eigenpairs.deep.training.accumulate import backward_in_parts, parts_of, project
from eigenpairs.deep.training.batches import Batch, Batches
from eigenpairs.deep.training.diverged import Diverged
from eigenpairs.deep.training.optimizers import build_optimizer
from eigenpairs.deep.training.schedule import learning_rate_factor, target_momentum

EVERY = 10
"""Steps between two looks at the loss: each waits for the device."""


class Loop:
    """Everything that changes while a network is trained, and the step that changes it.

    Parameters
    ----------
    network : Network
    method : Method
    width : int
        Columns of the projections.
    batches : Batches
    settings : sections.Training
    fabric : lightning_fabric.Fabric

    Attributes
    ----------
    network, target : Network
        The target is a moving average of the network, or None.
    head : the method's part with state
    step_number : int
        Optimiser steps taken.
    """

    def __init__(self, network: Network, method: Method, width: int, batches: Batches, settings: Any, fabric: Any):
        self.method, self.batches, self.settings, self.fabric = method, batches, settings, fabric
        if settings.channels_last:
            network.to(memory_format=torch.channels_last)
        for part in (network.encoder, network.projector):
            if not part.training:  # handed over from use; a part of one in training is in eval mode on purpose
                part.train()
        self.network = fabric.to_device(network)
        self.target = copy.deepcopy(self.network).requires_grad_(False) if method.momentum is not None else None
        self.head = fabric.to_device(method.head(width))
        named = [*self.network.named_parameters(), *self.head.named_parameters()]
        self.optimizer = build_optimizer(named, settings, method.weight_decay)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        trained: nn.Module = torch.compile(self.network) if settings.compile else self.network
        self._trained, self._optimizer = fabric.setup(trained, self.optimizer)
        if any(True for _ in self.head.parameters()):
            fabric.setup_module(self.head)
        self.step_number = 0

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds."""
        held = {"network": self.network, "head": self.head}
        return held if self.target is None else held | {"target": self.target}

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""
        return self.settings.epochs * self.batches.steps

    def epoch(self, number: int, report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """All steps of an epoch; `report` gets a record every few of them. Returns the epoch's own record.

        Raises
        ------
        Diverged
            When the loss is not finite, or a weight after the last step.
        """
        self.head.train()
        terms: dict[str, Tensor] = {}
        start, seen, images = time.perf_counter(), 0, 0
        with torch.random.fork_rng(devices=self._cuda_devices()):
            torch.manual_seed(hash_of(self.settings.seed, number))
            for batch in self.batches.epoch(number):
                last = self._step(batch)
                for name, value in last.items():
                    terms[name] = terms.get(name, 0.0) + value
                seen, images = seen + 1, images + len(batch.views) // batch.n_views
                if seen % EVERY == 0 or seen == self.batches.steps:
                    seconds = time.perf_counter() - start
                    report(self._record(number, last, images / seconds))
        record = self._record(number, {name: value / seen for name, value in terms.items()}, 0.0)
        if not (largest := self.largest_weight()) < float("inf"):  # the last step's doing, which no loss has seen yet
            raise Diverged(number, self.step_number, record["terms"], self.learning_rate, largest)
        seconds = time.perf_counter() - start
        return record | {"images_per_second": images / seconds, "seconds": seconds}

    def _record(self, epoch: int, terms: dict[str, Tensor], images_per_second: float) -> dict[str, Any]:
        values = {name: float(value) for name, value in terms.items()}
        loss = sum(values.values())
        if not abs(loss) < float("inf"):
            raise Diverged(epoch, self.step_number, values, self.learning_rate, self.largest_weight())
        return {
            "epoch": epoch,
            "step": self.step_number,
            "loss": loss,
            "terms": values,
            "lr": self.learning_rate,
            "images_per_second": images_per_second,
        }

    @property
    def learning_rate(self) -> float:
        """Of the last step, first group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def largest_weight(self) -> float:
        """Largest entry of all parameters; nan where one is."""
        sizes = [p.detach().abs().max().float() for p in self._all_parameters() if p.numel()]
        return float(torch.stack(sizes).max())  # unlike Python's max, it sees nan

    def _cuda_devices(self) -> list[Any]:
        return [self.fabric.device] if self.fabric.device.type == "cuda" else []

    # ---------------------------------------------------------------- one step

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        self._set_learning_rate()
        terms, Z = self._backward(batch)
        if self.settings.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self._all_parameters(), self.settings.gradient_clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.head.after_step(Z)
        self._move_target()
        self.step_number += 1
        return terms

    def _all_parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _set_learning_rate(self) -> None:
        factor = learning_rate_factor(
            self.step_number, self.n_steps, round(self.settings.warmup * self.batches.steps), self.settings.schedule
        )
        for group, rate in zip(self.optimizer.param_groups, self._rates):
            group["lr"] = rate * factor

    def _backward(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Gradients of the batch's loss; its terms and projections, detached."""
        x = batch.views
        if self.settings.channels_last and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        parts = parts_of(len(x), batch.n_views, self.settings.accumulate)
        fixed = self._fixed_targets(x, parts)
        terms: dict[str, Tensor] = {}

        def loss_of(Z: Tensor) -> Tensor:
            own = Z.detach() if self.method.stop_gradient else Z
            terms.update(self.head.terms(Z, own if fixed is None else fixed, batch.relation))
            return reduce(add, terms.values())

        if len(parts) == 1:
            Z = self._trained(x)[1]
            self.fabric.backward(loss_of(Z))
        else:
            Z = backward_in_parts(self._trained, x, parts, loss_of, self.fabric.backward)
        return {name: value.detach() for name, value in terms.items()}, Z.detach()

    def _fixed_targets(self, x: Tensor, parts: list[Tensor]) -> Tensor | None:
        if self.target is None:
            return None
        with torch.no_grad(), self.fabric.autocast():
            return project(self.target, x, parts)

    @torch.no_grad()
    def _move_target(self) -> None:
        if self.target is None or self.method.momentum is None:
            return
        momentum = self.method.momentum
        if self.method.ramp:
            momentum = target_momentum(self.step_number, self.n_steps, momentum)
        for own, moving in zip(self.target.parameters(), self.network.parameters()):
            own.lerp_(moving, 1 - momentum)


def hash_of(seed: int, epoch: int) -> int:
    """One seed of two numbers, the same everywhere."""
    import numpy as np

    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0] >> 1)
