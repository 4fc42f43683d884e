"""Which result becomes which sections: one line per kind. A new kind of result adds its file and its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eigenpairs.report.advice_section import advice_section
from eigenpairs.report.alignment_section import alignment_section
from eigenpairs.report.audit_section import audit_section
from eigenpairs.report.budget_section import budget_section
from eigenpairs.report.certificate_section import certificate_section
from eigenpairs.report.comparison_section import comparison_sections
from eigenpairs.report.curves_section import curves_section
from eigenpairs.report.diagnosis_section import diagnoses_section, diagnosis_section
from eigenpairs.report.embedding_section import modes_section, rows_section
from eigenpairs.report.lab_section import lab_section
from eigenpairs.report.run_section import run_sections
from eigenpairs.report.section import Section
from eigenpairs.report.spectrum_section import embedding_section, spectrum_section

MOST_POINTS = 20_000
"""Points of all scatters of a page together."""


@dataclass(frozen=True)
class Rows:
    """The rows to draw, their labels, and how many points a scatter may have."""

    X: Any
    labels: Any
    at_most: int


def _of_spectrum(spec: Any, rows: Rows) -> list[Section]:
    return _with_rows(spectrum_section(spec), spec, None, rows)


def _of_embedding(emb: Any, rows: Rows) -> list[Section]:
    return _with_rows(embedding_section(emb), emb.spectrum, emb.optimum.gains, rows)


def _of_estimator(estimator: Any, rows: Rows) -> list[Section]:
    if not hasattr(estimator, "embedding_"):
        raise ValueError("this SpectralSSL is not fitted; call fit before reporting on it")
    return _of_embedding(estimator.embedding_, rows)


def _with_rows(section: Section, spec: Any, gains: Any, rows: Rows) -> list[Section]:
    scatter = modes_section(spec, gains, rows.X, rows.labels, rows.at_most)
    if scatter is None and rows.labels is not None:
        raise ValueError("labels were given, but a saved model does not hold the rows they belong to; pass X as well")
    return [section] if scatter is None else [section, scatter]


KINDS: dict[str, Callable[[Any, Rows], list[Section]]] = {
    "Spectrum": _of_spectrum,
    "Embedding": _of_embedding,
    "SpectralSSL": _of_estimator,
    "Diagnosis": lambda result, rows: [diagnosis_section(result)],
    "Comparison": lambda result, rows: comparison_sections(result),
    "Advice": lambda result, rows: [advice_section(result)],
    "Alignment": lambda result, rows: [alignment_section(result)],
    "Audit": lambda result, rows: [audit_section(result)],
    "Budget": lambda result, rows: [budget_section(result)],
    "Certificate": lambda result, rows: [certificate_section(result)],
    "Outcome": lambda result, rows: [lab_section(result)],
    "Run": lambda result, rows: run_sections(result),
    "diagnoses by name": lambda result, rows: [diagnoses_section(result)],
    "curves by name": lambda result, rows: [curves_section(result)],
}
"""Sections of a result by its class; by name, so that what is slow to import is imported by those who use it."""

WITH_ROWS = {"Spectrum", "Embedding", "SpectralSSL"}


def sections_of(results: tuple[Any, ...], X: Any, labels: Any) -> list[Section]:
    """The sections of all results in turn; rows that no model among them places get one of their own.

    Raises
    ------
    TypeError
        If a result is of no kind that a page can show.
    ValueError
        If there is nothing to show, or labels come without rows.
    """
    kinds = [kind_of(result, f"results[{at}]") for at, result in enumerate(results)]
    scatters = sum(kind in WITH_ROWS for kind in kinds)
    rows = Rows(X, labels, MOST_POINTS // max(scatters, 1))
    sections = [section for kind, result in zip(kinds, results) for section in KINDS[kind](result, rows)]
    if not scatters and X is not None:
        sections.append(rows_section(X, labels, MOST_POINTS))
    elif not scatters and labels is not None:
        raise ValueError("labels were given without the rows they belong to; pass X as well")
    if not sections:
        raise ValueError("there is no result to report on; give a Spectrum, an Embedding, a Diagnosis, ...")
    return sections


def kind_of(result: Any, name: str) -> str:
    """Its entry in `KINDS`."""
    if isinstance(result, Mapping) and result:
        kinds = {type(value).__name__ for value in result.values()}
        if kinds == {"Diagnosis"}:
            return "diagnoses by name"
        if all(isinstance(value, (tuple, list)) and len(value) == 2 for value in result.values()):
            return "curves by name"
    for parent in type(result).__mro__:
        if parent.__name__ in KINDS:
            return parent.__name__
    given = f"the class {result.__name__}" if isinstance(result, type) else f"a {type(result).__name__}"
    raise TypeError(
        f"{name} is {given}; give a Spectrum, an Embedding, a SpectralSSL, a Diagnosis, a Comparison, a Certificate, "
        "an Advice, an Audit, an Alignment, a Budget, a Run, an Outcome of the lab, a dict of Diagnosis by name, or a "
        "dict of training curves (steps, values) by name"
    )
