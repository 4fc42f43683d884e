"""One self-contained HTML page from any result."""

from eigenpairs.report.page import render, write

__all__ = ["render", "write"]
