"""The command line: parse, call the library, print."""

from eigenpairs.cli.app import main

__all__ = ["main"]
