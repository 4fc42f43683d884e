"""How many columns: by number, by the gains, by a share of them."""

import numpy as np
import pytest
from support import rows_with_correlations

import eigenpairs as ep

RHO = [0.95, 0.8, 0.6, 0.4, 0.2, -0.1]


@pytest.fixture(scope="module")
def spec():
    return ep.spectrum(*rows_with_correlations(RHO))


@pytest.mark.parametrize(
    ("objective", "columns"),
    [
        (ep.VICReg(1.0, 1.0, form="least-squares"), 5),  # rho > 0
        (ep.VICReg(2.0, 1.0, form="least-squares"), 3),  # rho > 1/2
        (ep.Whitening(), 6),
        (ep.SpectralContrastive(), 6),  # five positive modes and the constant
        (ep.DirectCopy(), 4),  # rho > .95 * .3 / 1.3 = .219
        (ep.VICReg(1000.0, 1.0), 1),  # collapse: still a column
    ],
)
def test_auto_is_the_number_of_live_gains(spec, objective, columns):
    emb = spec.embed(objective, "auto")
    assert emb.n_components == columns
    if columns > 1:
        assert emb.optimum.rank == columns, "a column without gain, or a gain without column"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.999])
def test_a_share_is_the_fewest_modes_that_hold_it(spec, share):
    gains = ep.SimCLR(1.0, "dot").gains(spec.rho)
    K = spec.embed(ep.SimCLR(1.0, "dot"), share).n_components
    assert gains[:K].sum() >= share * gains.sum() > gains[: K - 1].sum()


def test_a_truncated_spectrum_says_that_it_decides(spec):
    X, G = rows_with_correlations(RHO)
    with pytest.warns(UserWarning, match="all 3 modes computed get a gain"):
        assert ep.spectrum(X, G, n_components=3).embed(ep.Whitening(), "auto").n_components == 3


@pytest.mark.parametrize("wrong", [0.0, 1.0, 1.5, -0.1, "all", np.nan])
def test_other_values_are_refused(spec, wrong):
    with pytest.raises(ValueError, match="n_components"):
        spec.embed(ep.Whitening(), wrong)
