"""Which augmentation is worth learning from? The same one can be the best and the worst: it depends on the task.

scikit-learn's handwritten digits, each in one of three colours. Told to find the colour, self-supervised learning with
colour jitter (turning hues, dropping to grey) learns to forget it; told to read the digit, the same jitter is just what
it needs, and shifts, which 8 x 8 pixels cannot afford, are the ones that hurt. `audit` says so beforehand, from views
of the images and their labels. Then both are fitted in earnest, to see whether it was right.

    python examples/audit_of_augmentations.py [--n-labels 100] [--report page.html]

Your own: ep.audit(X, {"mine": (my_view, [0.1, 0.3, 1])}, y) with a function my_view(X, rng, strength) of arrays.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import eigenpairs as ep
from eigenpairs import report
from eigenpairs.advise.audit import audit
from eigenpairs.advise.views import PRESETS
from eigenpairs.diagnose.probes import ridge_probe_accuracy

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n-labels", type=int, default=100, help="labels that the probe will have")
parser.add_argument("--draws", type=int, default=20, help="draws of these labels to average over")
parser.add_argument("--report", metavar="HTML", help="write a page with pictures of all views")
args = parser.parse_args()

images, digit = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
colour = rng.integers(3, size=len(images))
X = images.reshape(-1, 8, 8, 1) / 16 * np.eye(3)[colour][:, None, None, :]
train, test = np.split(rng.permutation(len(X)), [1200])

VIEWS = {"hue": [0.1, 0.5, 1.0], "grey": [0.2, 1.0], "shift": [1, 2], "noise": [0.1, 0.3, 1.0]}
TASKS = {"colour": colour, "digit": digit}


def measured(name: str, strength: float, y: np.ndarray) -> float:
    """Accuracy of a linear probe after learning from these views, on images that were not fitted."""
    view = PRESETS[name].view
    views = [view(X[train], np.random.default_rng(seed), strength).reshape(len(train), -1) for seed in (1, 2)]
    spec = ep.spectrum(np.concatenate(views), ep.Relation.from_views(len(train), 2), ep.Linear(ridge=0.01))
    Z = spec.embed(ep.VICReg()).transform(X.reshape(len(X), -1))
    draws = [np.random.default_rng(seed).permutation(train)[: args.n_labels] for seed in range(args.draws)]
    return float(np.mean([ridge_probe_accuracy(Z[few], y[few], Z[test], y[test]) for few in draws]))


audits = {task: audit(X[train], VIEWS, y[train], n_labels=args.n_labels) for task, y in TASKS.items()}
for task, found in audits.items():
    print(f"The task is the {task}.\n{found.reason}.\n")
    print(f"{'':10s}  of the label destroyed  predicted error             accuracy when fitted")
    for row in found.rows:
        accuracy = measured(row.name, row.strength, TASKS[task])
        print(
            f"{row.title:10s}  {max(row.destroyed, 0):22.2f}  {row.predicted:15.3f}  {row.verdict:13s} {accuracy:.3f}"
        )
    print()
if args.report:
    report.write(args.report, *audits.values(), title="Coloured digits: two tasks, one set of views")
