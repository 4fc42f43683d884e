"""Texts and numbers made ready for the places they go to: HTML (where jinja2 escapes), JSON inside HTML, and plotly,
which reads a pseudo-HTML of its own in every text it draws."""

from __future__ import annotations

import html
import json
import math
import unicodedata
from typing import Any

import numpy as np

from eigenpairs._json import plain

UNSEEN = {"Cc", "Cs"}
"""Unicode categories with nothing to show: control characters and halves of surrogate pairs."""

TURNING = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows them."""

LONGEST = 60
"""Characters of a text in a figure or a legend."""


def clean(text: Any) -> str:
    """`text` on one line, every character that cannot be seen replaced.

    >>> clean("a\\n b\\x00")
    'a b\ufffd'
    """
    line = " ".join(str(text).split())
    return "".join("\ufffd" if unicodedata.category(c) in UNSEEN or c in TURNING else c for c in line)


def shortened(text: Any, at_most: int = LONGEST) -> str:
    """`clean` text of at most so many characters."""
    line = clean(text)
    return line if len(line) <= at_most else line[: at_most - 1] + "…"


def in_figure(text: Any) -> str:
    """A text for plotly, shown as it is.

    >>> in_figure("<b>7</b>")
    '&lt;b&gt;7&lt;/b&gt;'
    """
    return html.escape(shortened(text), quote=False)


def embedded(value: Any) -> str:
    """`value` as JSON that may stand inside a <script> element; NaN and infinities become null.

    >>> embedded({"label": "</script>", "gains": np.array([1.0, np.nan])})
    '{"label": "\\\\u003c/script\\\\u003e", "gains": [1.0, null]}'
    """
    text = json.dumps(plain(value), allow_nan=False)  # ASCII: U+2028 and its like are escaped
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def number(value: float | None, digits: int = 4) -> str:
    """Some significant digits, thousands apart; a dash where there is nothing.

    >>> number(-0.123456), number(20000), number(float("nan"))
    ('−0.1235', '20,000', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    whole = 1e3 <= abs(value) < 1e15 and value == int(value)
    text = f"{int(abs(value)):,}" if whole else f"{abs(value):.{digits}g}"
    return f"−{text}" if value < 0 else text


def rounded(values: Any, digits: int = 6) -> list[float | None]:
    """A vector for a figure: `digits` significant digits, which no eye outdoes."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in np.asarray(values, float)]
