"""The lab: results of the theory, each re-run by one command and judged by its own numbers."""

from eigenpairs.lab.catalogue import experiment_called, experiments
from eigenpairs.lab.experiment import Experiment
from eigenpairs.lab.figure import Grid, Panel, Series
from eigenpairs.lab.result import Check, Result
from eigenpairs.lab.run import Outcome, run

__all__ = [
    "Check",
    "Experiment",
    "Grid",
    "Outcome",
    "Panel",
    "Result",
    "Series",
    "experiment_called",
    "experiments",
    "run",
]
