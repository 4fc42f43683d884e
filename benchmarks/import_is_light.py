"""Claim: `import eigenpairs` costs little beyond numpy and scipy themselves.

python benchmarks/import_is_light.py
"""

import subprocess
import sys
import time

import numpy as np


def seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main(repeat: int = 9) -> None:
    base, ours = "import numpy, scipy.linalg, scipy.sparse", "import eigenpairs"
    pairs = [(seconds(base), seconds(ours)) for _ in range(repeat + 1)][1:]
    before, after = np.median(pairs, axis=0)
    print(f"{ours}: {after:.3f} s; {base}: {before:.3f} s; ratio {after / before:.2f}")


if __name__ == "__main__":
    sys.exit(main())
