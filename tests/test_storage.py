"""Models on disk: what is loaded is what was saved, and a damaged file is named, never used."""

import json
import os

import numpy as np
import pytest
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs import storage

X, G = rows_with_correlations([0.9, 0.5, 0.1, -0.3])
SPECTRUM = ep.spectrum(X, G)
MODELS = {
    "spectrum": lambda: SPECTRUM,
    "free spectrum": lambda: ep.spectrum(None, G, features=ep.Free(), n_components=12),
    "embedding": lambda: SPECTRUM.embed(ep.VICReg(1.0), 3),
    "constant first": lambda: SPECTRUM.embed(ep.SpectralContrastive(), 3),
    "free embedding": lambda: ep.spectrum(None, G, features=ep.Free(), n_components=12).embed(ep.Whitening(), 2),
    "ridge towers": lambda: ep.spectrum(ep.Towers(X, X[:, :3]), features=ep.Linear(0.1)),
    "ridge embedding": lambda: ep.spectrum(X, G, features=ep.Linear(0.1)).embed(ep.VICReg(), 2),
    "estimator": lambda: ep.SpectralSSL(ep.BarlowTwins(0.1), n_components=2).fit(X, relation=G),
    "default estimator": lambda: ep.SpectralSSL(n_components=2).fit(X, relation=G),
}


@pytest.fixture
def saved(tmp_path):
    ep.save(SPECTRUM.embed(ep.VICReg(), 2), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("kind", MODELS)
def test_round_trip(kind, tmp_path):
    model = MODELS[kind]()
    ep.save(model, tmp_path / "model")
    again = ep.load(tmp_path / "model")
    assert type(again) is type(model)
    rows = None if "free" in kind else X
    rows = ep.Towers(X, X[:, :3]) if "towers" in kind else rows
    np.testing.assert_array_equal(again.transform(rows), model.transform(rows))
    if "ridge" in kind:
        ours, theirs = (getattr(one, "spectrum", one).moments for one in (again, model))
        assert len(ours) == len(theirs) > 0
        for held, given in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(held.mean, given.mean)
            np.testing.assert_array_equal(held.covariance, given.covariance)
    if "embedding" in kind:
        assert again.objective == model.objective and repr(again.optimum) == repr(model.optimum)
        np.testing.assert_array_equal(again.optimum.gains, model.optimum.gains)
    if "estimator" in kind:
        assert repr(again) == repr(model)
        np.testing.assert_array_equal(again.components_, model.components_)
    again_path = tmp_path / "again"
    ep.save(again, again_path)
    assert storage.read_card(again_path) == storage.read_card(tmp_path / "model")


def test_feature_names_survive(tmp_path):
    pandas = require("pandas", "frames")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    ep.save(ep.SpectralSSL(n_components=2).fit(frame, relation=G), tmp_path / "model")
    assert ep.load(tmp_path / "model").feature_names_in_.tolist() == list("abcd")


def test_fitted_rows_are_not_saved(saved):
    with pytest.raises(ValueError, match="a saved model does not hold"):
        ep.load(saved).transform()


class TestOverwriting:
    def test_refused_unless_asked_for(self, saved):
        with pytest.raises(FileExistsError, match="exists"):
            ep.save(SPECTRUM, saved)
        ep.save(SPECTRUM, saved, overwrite=True)
        assert isinstance(ep.load(saved), ep.Spectrum)
        assert sorted(os.listdir(saved.parent)) == ["model"], "temporary files were left behind"

    def test_a_folder_with_other_files_is_never_replaced(self, saved):
        (saved / "thesis.tex").write_text("years of work")
        with pytest.raises(FileExistsError, match=r"thesis\.tex"):
            ep.save(SPECTRUM, saved, overwrite=True)
        assert (saved / "thesis.tex").read_text() == "years of work"

    def test_a_failed_save_leaves_the_old_model(self, saved, monkeypatch):
        before = storage.read_card(saved)
        monkeypatch.setattr(storage.json, "dumps", _fails_on_indent)
        with pytest.raises(OSError, match="disk full"):
            ep.save(SPECTRUM, saved, overwrite=True)
        monkeypatch.undo()
        assert storage.read_card(saved) == before
        assert sorted(os.listdir(saved.parent)) == ["model"], "temporary files were left behind"


def _fails_on_indent(value, **kwargs):
    if "indent" in kwargs:
        raise OSError("disk full")
    return json.JSONEncoder(**{k: v for k, v in kwargs.items() if k != "cls"}).encode(value)


def edit_card(folder, **changes):
    """Change entries and make the checksum fit, as a forger or a newer version would."""
    card = json.loads((folder / storage.CARD).read_text())
    del card["card_sha256"]
    card |= changes
    card["card_sha256"] = storage.card_checksum(card)
    (folder / storage.CARD).write_text(json.dumps(card))


class TestDamage:
    def test_truncated_tensors(self, saved):
        blob = (saved / storage.TENSORS).read_bytes()
        (saved / storage.TENSORS).write_bytes(blob[:-7])
        with pytest.raises(ValueError, match="does not match its checksum"):
            ep.load(saved)

    def test_changed_tensors(self, saved):
        blob = bytearray((saved / storage.TENSORS).read_bytes())
        blob[-3] ^= 1
        (saved / storage.TENSORS).write_bytes(blob)
        with pytest.raises(ValueError, match="does not match its checksum"):
            ep.load(saved)

    def test_changed_card(self, saved):
        text = (saved / storage.CARD).read_text()
        (saved / storage.CARD).write_text(text.replace('"rank": 4', '"rank": 5'))
        with pytest.raises(ValueError, match="changed by hand or damaged"):
            ep.load(saved)

    def test_truncated_card(self, saved):
        text = (saved / storage.CARD).read_text()
        (saved / storage.CARD).write_text(text[: len(text) // 2])
        with pytest.raises(ValueError, match="not readable JSON"):
            ep.load(saved)

    def test_missing_parts(self, saved, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"holds no model\.json"):
            ep.load(tmp_path / "nowhere")
        (saved / storage.TENSORS).unlink()
        with pytest.raises(FileNotFoundError, match="incomplete"):
            ep.load(saved)

    @pytest.mark.parametrize("text", ['{"format": "other"}', "[1, 2]", '"model"', '{"a": 1}'])
    def test_foreign_files(self, saved, text):
        (saved / storage.CARD).write_text(text)
        with pytest.raises(ValueError, match="not an eigenpairs model"):
            ep.load(saved)

    def test_newer_major_is_refused_and_newer_minor_loads(self, saved):
        edit_card(saved, format_version="1.7")
        assert ep.load(saved).n_components == 2
        edit_card(saved, format_version="2.0")
        with pytest.raises(ValueError, match=r"format version 2\.0.*install a newer eigenpairs"):
            ep.load(saved)
        edit_card(saved, format_version="soon")
        with pytest.raises(ValueError, match="'soon'"):
            ep.load(saved)

    def test_unknown_classes_are_named_not_imported(self, saved):
        edit_card(saved, objective={"class": "os.system", "params": {}})
        with pytest.raises(ValueError, match=r"objective 'os\.system' is unknown"):
            ep.load(saved)
        edit_card(saved, kind="Lambda")
        with pytest.raises(ValueError, match="kind 'Lambda' is unknown"):
            ep.load(saved)

    def test_missing_entries(self, saved):
        edit_card(saved, features={"class": "Linear", "params": {"nonsense": 1}})
        with pytest.raises(ValueError, match="lacks or mistypes"):
            ep.load(saved)


def test_only_models_are_saved(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        ep.save(ep.SpectralSSL(), tmp_path / "model")
    with pytest.raises(TypeError, match="cannot save a dict"):
        ep.save({}, tmp_path / "model")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        ep.save(SPECTRUM, tmp_path / "deep" / "model")
