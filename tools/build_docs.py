"""Write the pages of the API, and a copy of docs/, into one folder: build_docs.py FOLDER."""

import pkgutil
import shutil
import sys
from pathlib import Path

import pdoc

import eigenpairs

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main(folder: Path) -> None:
    for name in eigenpairs.__all__:
        # pdoc looks for names in the module itself, where those that load on first use are not.
        vars(eigenpairs).setdefault(name, getattr(eigenpairs, name))
    modules = [module.name for module in pkgutil.iter_modules(eigenpairs.__path__)]
    rooms = [
        f"eigenpairs.{name}"
        for name in modules
        if not name.startswith("_") and name not in eigenpairs.__all__  # in __all__: pdoc finds it by itself
    ]
    pdoc.render.configure(docformat="numpy")
    pdoc.pdoc("eigenpairs", *rooms, output_directory=folder)
    for page in sorted(DOCS.glob("*.md")):
        shutil.copy(page, folder)
    print(f"{folder / 'index.html'}: the API")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
