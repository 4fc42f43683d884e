"""What a page is made of: sections, each a title, HTML, figures, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FIRST = 50
"""Rows of a table that stands for a figure."""


@dataclass(frozen=True)
class Table:
    """Numbers in rows; `note` says what was left out."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure of plotly, without colours and fonts, which the page adds (and changes with its theme).

    A colour is the name of a CSS variable of page.css, such as "--series-1". `text` says what there is to see, for
    those who do not see it, and `table` holds the numbers.
    """

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    text: str
    table: Table | None = None


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes
    ----------
    title : str
    template : str
        A file of templates/, rendered with `values`; its macros `figure` and `data` place what follows.
    values : dict
    headline : str
        The section in one sentence: it stands in the summary, and is the text alternative of the whole.
    figures : dict of Figure
    data : dict
        JSON for a script of the page, by name.
    verdict : str
        One of the verdicts of `diagnose`, or nothing.
    tiles : dict of str
        A few numbers for the summary, by their names.
    """

    title: str
    template: str
    values: Mapping[str, Any]
    headline: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = ""
    tiles: Mapping[str, str] = field(default_factory=dict)


def table_of_first(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of the first rows; a note says how many there are."""
    note = f"The first {FIRST} of {len(rows):,}." if len(rows) > FIRST else ""
    return Table(columns, rows[:FIRST], note)
