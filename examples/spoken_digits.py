"""Spoken digits by a speaker never heard: pairs without labels that say what a voice changes.

Each recording is paired with copies of itself as if by other speakers: frequencies stretched as by a longer or shorter
vocal tract, ends cut. Functions that survive this tell what is said rather than who says it. For comparison, the last
row takes the digits themselves as pairs, which uses labels.

    python examples/spoken_digits.py
    python examples/spoken_digits.py --sounds sounds.npz

sounds.npz holds: wave, all recordings end to end (8 kHz); offs, where each begins, and the total length; label;
speaker. Without it: fsdd.npz in the folder EIGENPAIRS_DATA.

Rule: every speaker in turn is left out of the fit and of the bank; 5 nearest neighbours by cosine among the others.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from sklearn.preprocessing import normalize

import eigenpairs as ep
from eigenpairs.diagnose import knn_accuracy

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--sounds", help="recordings, their labels and speakers, .npz")
parser.add_argument("--rows", type=int, help="use about this many recordings, as many of each speaker")
parser.add_argument("--copies", type=int, default=3, help="stretched copies of each recording")
parser.add_argument("--ridge", type=float, default=0.1, help="relative to the mean variance of a column")
args = parser.parse_args()

file = Path(args.sounds or Path(os.environ.get("EIGENPAIRS_DATA", "")) / "fsdd.npz")
if not file.is_file():
    parser.exit(2, f"{file.name} is not in the folder EIGENPAIRS_DATA; give --sounds FILE\n")
z = dict(np.load(file))
digit, speaker, speakers = z["label"], z["speaker"], np.unique(z["speaker"])
waves = [z["wave"][a:b].astype(np.float64) for a, b in zip(z["offs"][:-1], z["offs"][1:])]
if args.rows:
    chosen = np.concatenate([np.flatnonzero(speaker == s)[:: max(1, len(waves) // args.rows)] for s in speakers])
    digit, speaker, waves = digit[chosen], speaker[chosen], [waves[row] for row in chosen]

BANDS, STEPS = 24, 16


def mel(hertz: np.ndarray) -> np.ndarray:
    """Pitch as it is heard."""
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def power(wave: np.ndarray) -> np.ndarray:
    """(frames, 129) energy by frequency: windows of 25 ms, every 10 ms."""
    wave = np.pad(wave / 2**15, (0, max(0, 280 - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(wave, 200)[::80] * np.hanning(200)
    return np.abs(np.fft.rfft(frames, 256)) ** 2


def picture(energy: np.ndarray, stretch: float = 1.0, start: float = 0.0, stop: float = 1.0) -> np.ndarray:
    """(BANDS * STEPS,) log energy in bands even in pitch, at moments evenly spread over a part of the time."""
    pitch, edges = mel(stretch * np.linspace(0, 4000, 129)), np.linspace(mel(80), mel(3900), BANDS + 2)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bands = np.clip(np.minimum((pitch - low) / (middle - low), (high - pitch) / (high - middle)), 0, None)
    loud = np.log(energy @ bands.T + 1e-7)
    at = np.linspace(start, stop, STEPS) * (len(loud) - 1)
    return np.stack([np.interp(at, np.arange(len(loud)), band) for band in (loud - loud.mean()).T]).ravel()


rng = np.random.default_rng(0)
energies = [power(wave) for wave in waves]
X = np.stack([picture(energy) for energy in energies])
copies = [
    np.stack([picture(energy, rng.uniform(0.85, 1.17), *rng.uniform((0, 0.88), (0.12, 1))) for energy in energies])
    for _ in range(args.copies)
]
print(f"{len(X):,} recordings of {len(speakers)} speakers, {X.shape[1]} columns, {args.copies} copies of each\n")
scores: dict[str, list[float]] = {}
for left_out in speakers:
    bank, test = np.flatnonzero(speaker != left_out), np.flatnonzero(speaker == left_out)
    views = np.concatenate([rows[bank] for rows in (X, *copies)])

    def score(name: str, Z: np.ndarray, y: np.ndarray, Z_test: np.ndarray, y_test=digit[test]) -> None:
        scores.setdefault(name, []).append(knn_accuracy(normalize(Z), y, normalize(Z_test), y_test))

    mean = X[bank].mean(axis=0)
    score("raw", X[bank] - mean, digit[bank], X[test] - mean)
    score("raw, copies in the bank too", views - mean, np.tile(digit[bank], 1 + args.copies), X[test] - mean)
    same_recording = ep.Relation.from_views(len(bank), 1 + args.copies)
    spec = ep.spectrum(views, same_recording, ep.Linear(ridge=args.ridge), n_components=128)
    for objective in (ep.Whitening(), ep.SpectralContrastive(), ep.VICReg()):
        emb = spec.embed(objective, 128)
        score(f"solved, {type(objective).__name__}", emb.transform(X[bank]), digit[bank], emb.transform(X[test]))
    spec = ep.spectrum(X[bank], ep.Relation.from_labels(digit[bank]), ep.Linear(ridge=1.0), n_components=9)
    emb = spec.embed(ep.Whitening(), 9)
    score("with labels: same digit as pairs", emb.transform(X[bank]), digit[bank], emb.transform(X[test]))

print(" " * 34 + "mean   left out: " + " ".join(f"{name!s:>5s}" for name in speakers))
for name, found in scores.items():
    print(f"{name:34s}{np.mean(found):.3f}" + " " * 12 + " ".join(f"{value:.3f}" for value in found))
