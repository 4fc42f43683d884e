"""Objectives that tests run through: every kind, at values where its optimum takes another form."""

import eigenpairs as ep

VARIANTS = {
    "vicreg": ep.VICReg(),
    "vicreg weak": ep.VICReg(invariance=1.0, variance=16.0, covariance=1.0),
    "vicreg no covariance": ep.VICReg(2.0, 5.0, covariance=0.0),
    "vicreg 16 n > m": ep.VICReg(1.0, 4.0, 1.0),
    "least squares": ep.VICReg(1.0, 1.0, form="least-squares"),
    "least squares, c < a": ep.VICReg(0.5, 1.0, 0.3, form="least-squares"),
    "least squares, c = 0": ep.VICReg(0.5, 1.0, 0.0, form="least-squares"),
    "least squares, c > a": ep.VICReg(0.5, 1.0, 3.0, form="least-squares"),
    "barlow .005": ep.BarlowTwins(),
    "barlow .3": ep.BarlowTwins(0.3),
    "barlow 1": ep.BarlowTwins(1.0),
    "barlow 0": ep.BarlowTwins(0.0),
    "barlow 3": ep.BarlowTwins(3.0),
    "spectral contrastive": ep.SpectralContrastive(),
    "whitening": ep.Whitening(),
    "log det": ep.LogDet(),
    "log det strong": ep.LogDet(invariance=5.0, eps=0.3),
}
"""Objectives whose optimum is solved for the loss itself."""

REFERENCES = {
    "simclr": ep.SimCLR(temperature=0.5),
    "simclr dot": ep.SimCLR(temperature=2.0, critic="dot"),
    "simclr density ratio": ep.SimCLR(temperature=1.0, critic="density-ratio"),
}
"""Objectives with a loss, whose optimum is a reference."""

DYNAMICS = {
    "direct copy": ep.DirectCopy(),
    "direct pred": ep.DirectPred(),
    "direct set l2": ep.DirectSet(alpha=2.0, weight_decay=0.01, eps=0.05, norm="none", criterion="l2"),
    "direct set frobenius": ep.DirectSet(norm="frobenius"),
}
"""Objectives that are where a dynamics ends: there is no loss."""
