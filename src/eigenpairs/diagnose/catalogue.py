"""Every metric: its title, what it means and who proposed it. The one place for these words."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    title: str
    better: str
    collapsed: float | None
    meaning: str


CATALOGUE: dict[str, Entry] = {
    "rankme": Entry(
        "RankMe", "higher", 1.0, "Smooth rank: exp of the entropy of the singular values (Garrido et al. 2023)."
    ),
    "effective_rank": Entry(
        "effective rank", "higher", 1.0, "exp of the entropy of the shares of variance (Roy & Vetterli 2007)."
    ),
    "participation_ratio": Entry(
        "participation ratio", "higher", 1.0, "Square of the sum of variances over the sum of their squares."
    ),
    "stable_rank": Entry(
        "stable rank, NESum", "higher", 1.0, "Total variance over the largest direction's (NESum: He & Ozay 2022)."
    ),
    "numerical_rank": Entry("numerical rank", "higher", None, "Directions above rounding, of the rows as given."),
    "alpha_req": Entry(
        "alpha-ReQ",
        "",
        None,
        "Exponent of the power law of variances: 0 is isotropic, its source finds values near 1 to go with good "
        "representations (Agrawal et al. 2022).",
    ),
    "coherence": Entry(
        "coherence",
        "lower",
        None,
        "n/r times the largest leverage of a row: 1 is evenly spread, n/r a direction that one row has for itself "
        "(Candes & Recht 2009).",
    ),
    "uniformity": Entry(
        "uniformity", "lower", 0.0, "log of the mean of exp(-2 |u - v|^2) over rows of length one (Wang & Isola 2020)."
    ),
    "normalized_std": Entry(
        "normalised spread",
        "higher",
        0.0,
        "Mean standard deviation of rows of length one, times the root of d: 1 is isotropic (Chen & He 2021).",
    ),
    "mean_share": Entry("share of the mean", "lower", 1.0, "How much of the rows' mean square length is their mean's."),
    "std_min": Entry("smallest spread", "higher", 0.0, "Smallest column's standard deviation over the columns' rms."),
    "std_max": Entry("largest spread", "lower", None, "Largest column's standard deviation over the columns' rms."),
    "off_diagonal_correlation": Entry(
        "off-diagonal correlation", "lower", 1.0, "Root mean square correlation of two columns that are not dead."
    ),
    "dead_columns": Entry("dead columns", "lower", None, "Columns that hardly vary."),
    "duplicated_columns": Entry("repeated columns", "lower", None, "Columns that repeat another, up to scale."),
    "alignment": Entry(
        "alignment", "lower", 0.0, "Mean square distance of positives of length one (Wang & Isola 2020)."
    ),
    "dirichlet_energy": Entry(
        "Dirichlet energy", "lower", None, "Mean square distance of positives, over that of any two rows."
    ),
    "mean_rho": Entry(
        "mean rho", "higher", None, "Pair correlation, averaged over all directions of the embedding's span."
    ),
    "sum_rho": Entry(
        "sum of rho",
        "higher",
        None,
        "Pair correlations added up over all directions: how many invariant ones there are (the CCA convention).",
    ),
    "lidar": Entry(
        "LiDAR", "higher", 1.0, "Smooth rank of the variance between groups over that within (Thilak et al. 2024)."
    ),
}
