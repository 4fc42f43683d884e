"""How things are called where no capitals are: on the command line and in configuration files."""

from __future__ import annotations


def kebab(name: str) -> str:
    """BarlowTwins -> barlow-twins, VICReg -> vicreg, SimSiam -> simsiam."""
    if name in ("VICReg", "SimCLR", "SimSiam", "BYOL"):
        return name.lower()
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
