"""The page: sections, styles, scripts and plotly.js in one file that asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import Any

from eigenpairs.files import check_target, replacing_file
from eigenpairs.report.drawing import SERIES, SYMBOLS
from eigenpairs.report.section import Section
from eigenpairs.report.sections import sections_of
from eigenpairs.report.texts import clean, embedded, number

SCRIPTS = (
    "theme.js",
    "figures.js",
    "scatter.js",
    "gains.js",
    "std_hinge_bounds.js",
    "gain_figures.js",
    "explorer.js",
)
"""Scripts of the page, in this order."""

WORST_FIRST = ("invalid", "collapsed", "partially collapsed", "healthy")


def write(
    path: str | os.PathLike,
    *results: Any,
    title: str | None = None,
    X: Any = None,
    labels: Any = None,
    overwrite: bool = False,
) -> None:
    """Write one self-contained HTML page on any results: no server, no network, plotly.js included (about 5 MB).

    Parameters
    ----------
    path : path of the file; it appears complete or not at all
    results : Spectrum, Embedding, SpectralSSL, Diagnosis, Comparison, Certificate, or dict
        A dict holds several Diagnosis by name, side by side, or training curves by name, (steps, values) each.
    title : str, optional
    X : rows, `Towers`, or None for the fitted rows
        What the scatter draws, at most 20,000 rows of it: on the modes of the Spectrum, Embedding or SpectralSSL among
        the results, or on their own principal axes if there is none.
    labels : (n_samples,) array, optional
        Classes (of any kind) or scores (numbers with fractions) that colour the rows.
    overwrite : bool, default False

    Raises
    ------
    FileExistsError, FileNotFoundError
        If `path` exists and `overwrite` is False, or its folder does not exist.
    ModuleNotFoundError
        If plotly or jinja2 is missing: they come with the extra `report`.
    TypeError, ValueError
        If a result is of another kind, or labels and rows do not go together.

    Examples
    --------
    >>> import numpy as np, tempfile, eigenpairs as ep
    >>> from eigenpairs import report
    >>> X = np.random.default_rng(0).standard_normal((100, 4))
    >>> emb = ep.spectrum(X, ep.Relation.from_views(50, 2)).embed(ep.VICReg(), 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report.write(f"{folder}/page.html", emb, ep.diagnose(X), X=X)
    """
    check_target(path, overwrite)
    page = render(*results, title=title, X=X, labels=labels)
    with replacing_file(path, overwrite) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def render(*results: Any, title: str | None = None, X: Any = None, labels: Any = None) -> str:
    """The page that `write` writes, as a text."""
    jinja2, plotly_js = _extras()
    sections = sections_of(results, X, labels)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: _read(f"templates/{name}")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    verdict = overall(sections)
    environment.filters["number"] = number
    environment.filters["clean"] = clean
    shapes = [(at % SERIES + 1, SYMBOLS[(at + at // SERIES) % len(SYMBOLS)]) for at in range(SERIES**2)]
    scripts = [plotly_js, *map(_read, SCRIPTS)]
    figures = {
        f"s{at}-{name}": {"data": figure.data, "layout": figure.layout}
        for at, section in enumerate(sections)
        for name, figure in section.figures.items()
    }
    data = {f"s{at}-{name}": value for at, section in enumerate(sections) for name, value in section.data.items()}
    return environment.get_template("page.html").render(
        title=clean(title or "eigenpairs report"),
        version=_version(),
        verdict=verdict,
        verdict_words=" ".join(section.headline for section in sections if section.verdict == verdict and verdict),
        sections=sections,
        shapes=shapes,
        style=_read("page.css"),
        scripts=scripts,
        allowed=" ".join(f"'sha256-{_digest(script)}'" for script in scripts),
        embedded=embedded({"figures": figures, "data": data, "shapes": shapes}),
    )


def overall(sections: list[Section]) -> str:
    """The worst verdict of the sections; empty where none has one."""
    return next((verdict for verdict in WORST_FIRST if any(section.verdict == verdict for section in sections)), "")


def _extras() -> tuple[Any, str]:
    try:
        import jinja2
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a report needs {str(error.name).partition('.')[0]}; install it with: pip install 'eigenpairs[report]' "
            "(or pip install plotly jinja2)"
        ) from None
    return jinja2, get_plotlyjs()


def _read(name: str) -> str:
    """A file of this package."""
    return resources.files("eigenpairs.report").joinpath(*Path(name).parts).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """What the page's own policy knows a script by: scripts from anywhere else do not run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _version() -> str:
    import eigenpairs

    return eigenpairs.__version__
