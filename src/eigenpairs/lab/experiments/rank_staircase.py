"""How many directions survive: a staircase in the invariance weight, and no function of rank(G)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eigenpairs.lab.descent import train, unit_variance, visible_rank
from eigenpairs.lab.exact_pairs import exact_pairs
from eigenpairs.lab.experiment import Experiment, Progress
from eigenpairs.lab.figure import Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.objective import BarlowTwins, SimCLR, VICReg
from eigenpairs.objective.water_filling import FULL
from eigenpairs.relation import Relation

FORMS = ("least-squares", "practice")


@dataclass
class RankStaircase(Experiment):
    """VICReg's invariance weight drops one mode after the other, at weights that the spectrum names beforehand.

    Claim: the rank of VICReg's optimum is the number of modes invariant enough for its invariance weight, so that a
    weak one can be full-rank. On rows of C classes that are each other's positives SimCLR and Barlow Twins cannot:
    theirs is C - 1, below rank(G). Where G counts a row as its own positive as well, rank(G) is C; SimCLR, which
    leaves self-pairs out, misses it by one, and Barlow Twins fixes the rank of its cross-correlation only.

    Source: Balestriero & LeCun 2022 (arXiv 2205.11508), closed forms of VICReg, and SimCLR and Barlow Twins, said to
    have the rank of G; the thresholds of VICReg as practised are ours (docs/theory.md, sections 2 and 3). Constants in
    the spirit of the paper.

    Setting: (1) pairs with a known spectrum; linear maps trained by descent on the loss of the rows, on both sides of
    every threshold: s = m/(1 - rho_k) for the least-squares form, s = 4 n K (1 - 1e-4)/sum_{j<k} 2 (rho_j - rho_k) as
    practised, where all columns have unit variance. (2) Rows of C classes, each embedded freely by descent, G with
    and without self-pairs.

    Expected: every trained rank as predicted, and every rank from 1 to K seen. On classes SimCLR ends at a simplex of
    rank C - 1, with self-pairs or without; Barlow Twins has rank C - 1 if a row is not its own positive, though G is
    then full-rank; where it is, the cross-correlation has rank C - 1 and the rank of Z is left open. VICReg has rank
    C - 1 by a strong weight, and by a weak one as many as there are columns, or centred rows.
    """

    paper: ClassVar[str] = "A"
    fast: ClassVar[dict] = {"modes": 5, "width": 4, "starts": 2, "margin": 0.15}
    needs: ClassVar[tuple[str, ...]] = ("torch",)

    modes: int = 10
    width: int = 8
    margin: float = 0.1
    """How far from each threshold, relatively, maps are trained on both sides."""
    classes: int = 4
    members: int = 5
    starts: int = 2
    seed: int = 0

    def validate(self) -> None:
        if not 2 <= self.width <= self.modes:
            raise ValueError(f"width = {self.width}, modes = {self.modes}: need 2 <= width <= modes")
        if not 0 < self.margin < 0.5 or self.classes < 2 or self.members < 2 or self.starts < 1:
            raise ValueError("need 0 < margin < .5, two classes of two members, and one start")
        for form in FORMS:
            if len(np.unique(self.weights(form)[1])) < self.width:
                raise ValueError(
                    f"margin = {self.margin:g}, modes = {self.modes}: thresholds are closer than that, and some rank "
                    "lies between no two weights; give a smaller margin or fewer modes"
                )

    @property
    def rho(self) -> np.ndarray:
        """(modes,) the spectrum, from .95 down to .1, with gaps that grow."""
        return 0.95 - 0.85 * np.linspace(0, 1, self.modes) ** 1.3

    @property
    def ids(self) -> np.ndarray:
        """The class of each row."""
        return np.repeat(np.arange(self.classes), self.members)

    @property
    def free_width(self) -> int:
        """Columns of free embeddings: 2 C or more, a power of two, for which Barlow Twins' bound is attained."""
        return 2 ** int(np.ceil(np.log2(2 * self.classes)))

    def measure(self, progress: Progress) -> Result:
        stairs = {}
        for at, form in enumerate(FORMS):
            stairs[form] = self.climb(form)
            progress((at + 1) / 4)
        checks, panels = [], []
        for form, (weights, predicted, trained, excess) in stairs.items():
            wrong = float(np.count_nonzero(predicted != trained))
            checks.append(Check(f"{form}: trained ranks, of {len(weights)}, other than predicted", wrong, 0.0))
            checks.append(Check(f"{form}: largest trained loss above the closed form, relatively", excess, 0.0, 1e-6))
            levels = float(len(np.unique(trained)))
            checks.append(Check(f"{form}: different ranks seen", levels, float(self.width)))
            series = [
                Series("predicted", *_steps(weights, predicted)),
                Series("trained", weights, trained, "points"),
            ]
            panels.append(
                Panel(f"VICReg ({form}) drops modes one by one", "invariance weight", "rank", series, log_x=True)
            )
        found, notes = self.on_classes()
        progress(1.0)
        number = np.arange(1, len(found) + 1)
        series = [
            Series("trained", number, [check.measured for check in found], "bars"),
            Series("predicted by the spectrum", number, [check.expected for check in found], "points"),
        ]
        title = f"Ranks on {self.classes} classes"
        panels.append(Panel(title, "SimCLR, Barlow, VICReg strong and weak, Barlow's C", "rank", series))
        return Result(checks + found + self.against_rank_of_G(found), panels, notes)

    # ------------------------------------------------------------------ the staircase

    def thresholds(self, form: str) -> np.ndarray:
        """Invariance weights above which modes 1, 2, ... of the first K are dropped (mode 0 is the best)."""
        rho = self.rho[: self.width]
        if form == "least-squares":
            return 1 / (1 - rho[1:])
        rise = np.array([np.sum(2 * (rho[:k] - rho[k])) for k in range(1, self.width)])
        return 4 * self.width * FULL / rise

    def weights(self, form: str) -> tuple[np.ndarray, np.ndarray]:
        """Invariance weights on both sides of every threshold, and the ranks predicted there."""
        edges = self.thresholds(form)
        weights = np.sort(np.concatenate([edges * (1 - self.margin), edges * (1 + self.margin)]))
        between = np.min(np.abs(np.log(weights[:, None] / edges)), axis=1) > 0.3 * self.margin
        weights = weights[between]  # where two thresholds are close, one's margin may meet the other
        return weights, 1 + np.count_nonzero(weights[:, None] < edges, axis=1)

    def climb(self, form: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Weights on both sides of every threshold, ranks predicted there, ranks of trained maps, and the largest
        relative difference between a trained loss and the closed form."""
        X, relation = exact_pairs(self.rho, self.seed)
        weights, predicted = self.weights(form)
        trained, excess = [], 0.0
        for weight in weights:
            if form == "least-squares":
                objective, of_rows = VICReg(float(weight), 1.0, form="least-squares"), None
            else:  # held at the hinge's kink, where descent sticks; variance pays enough that nothing shrinks
                objective, of_rows = VICReg(float(weight), 100.0 + 4 * float(weight), 1.0), _at_the_kink
            end = train(objective, X, relation, self.width, self.starts, self.seed, of_rows)
            trained.append(end.rank)
            excess = max(excess, abs(end.loss / objective.optimum(self.rho, self.width).loss - 1))
        return weights, predicted, np.array(trained), excess

    # ------------------------------------------------------------------ against rank(G)

    def on_classes(self) -> tuple[list[Check], list[str]]:
        """Trained ranks of free embeddings of classes, against those the spectrum predicts."""
        C, ids, width = self.classes, self.ids, self.free_width
        others, selves = Relation.from_groups(ids), Relation.from_labels(ids)
        rho_out = -1 / (self.members - 1)  # of contrasts inside a class, if a row is not its own positive
        drops = 1 / (1 - rho_out)
        rows = [
            ("SimCLR", SimCLR(temperature=0.5), others, C - 1),
            ("Barlow Twins", BarlowTwins(0.3), others, C - 1),
            ("VICReg, strong invariance", VICReg(1.3 * drops, 1.0, form="least-squares"), others, C - 1),
            (
                "VICReg, weak invariance",
                VICReg(0.7 * drops, 1.0, form="least-squares"),
                others,
                min(width, len(ids) - 1),
            ),
        ]
        checks = []
        for name, objective, relation, rank in rows:
            trained = train(objective, np.eye(len(ids)), relation, width, self.starts, self.seed)
            checks.append(Check(f"{name}: rank", float(trained.rank), float(rank)))
        open_rank = train(BarlowTwins(0.3), np.eye(len(ids)), selves, width, self.starts, self.seed)
        Z = open_rank.Z - open_rank.Z.mean(axis=0)
        checks.append(
            Check(
                "Barlow Twins with self-pairs: rank of its cross-correlation", float(visible_rank(selves @ Z)), C - 1.0
            )
        )
        note = (
            f"Barlow Twins with self-pairs: Z itself has rank {open_rank.rank} of {width}; modes with rho = 0 hold "
            "variance that the loss does not see, so that its rank is an accident of the start."
        )
        return checks, [note]

    def against_rank_of_G(self, found: list[Check]) -> list[Check]:
        """By how much trained ranks miss min(K, rank(G))."""
        ids, width = self.ids, self.free_width
        simclr, barlow = (check.measured for check in found[:2])
        checks = []
        for name, rank, pairs, relation in (
            ("SimCLR", simclr, "other rows", Relation.from_groups(ids)),
            ("SimCLR", simclr, "self-pairs as well", Relation.from_labels(ids)),
            ("Barlow Twins", barlow, "other rows", Relation.from_groups(ids)),
        ):
            claimed = float(min(width, np.linalg.matrix_rank(relation.to_sparse().toarray())))
            what = f"{name} with {pairs} as positives: min(K, rank(G)) = {claimed:.0f}, above the trained rank by"
            checks.append(Check(what, claimed - rank, 1.0, kind="at least"))
        return checks


def _at_the_kink(Z: Any) -> Any:
    return unit_variance(Z, FULL)


def _steps(weights: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A staircase through points as a line."""
    middle = np.sqrt(weights[1:] * weights[:-1])
    x = np.concatenate([weights[:1], np.repeat(middle, 2), weights[-1:]])
    return x, np.repeat(ranks, 2)
