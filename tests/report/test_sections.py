"""What goes into a page, without a browser: kinds of results, labels, scales, texts, files."""

import re
import sys

import numpy as np
import pytest
from support import require, rows_with_correlations

import eigenpairs as ep
from eigenpairs import report
from eigenpairs.advise.alignment import alignment
from eigenpairs.advise.budget import pair_budget
from eigenpairs.diagnose.compare import compare
from eigenpairs.diagnose.metric import Metric, Reference
from eigenpairs.report.drawing import SERIES
from eigenpairs.report.embedding_section import modes_section
from eigenpairs.report.gauge import MARGIN, Scale
from eigenpairs.report.labels import MOST_CLASSES, Classes, Scores, read_labels
from eigenpairs.report.page import overall
from eigenpairs.report.sections import KINDS, sections_of
from eigenpairs.report.texts import clean, embedded, in_figure, number


@pytest.fixture(autouse=True)
def extras():
    require("plotly", "report")
    require("jinja2", "report")


class TestResults:
    def test_every_kind_has_sections(self, digits, everything):
        X, G, _, spec = digits
        emb, diagnosis, certificate, curves = everything
        estimator = ep.SpectralSSL(n_components=4).fit(X, relation=G)
        given = {
            "Spectrum": spec,
            "Embedding": emb,
            "SpectralSSL": estimator,
            "Diagnosis": diagnosis,
            "Comparison": compare({"a": X, "b": X[:, :5]}, y=digits[2]),
            "Advice": ep.advise(spec, X, digits[2], 50, draws=5),
            "Alignment": alignment(spec, G, digits[2], n_permutations=19),
            "Budget": pair_budget(X, G, n_repeats=2, n_components=3),
            "Audit": ep.audit(X[:300], ["noise"], digits[2][:300], n_labels=30),
            "Certificate": certificate,
            "diagnoses by name": {"a": diagnosis, "b": diagnosis},
            "curves by name": curves,
        }
        # Run and Outcome have files of their own.
        assert {*given, "Run", "Outcome"} == set(KINDS), "a kind of result is not tested"
        for kind, result in given.items():
            sections = sections_of((result,), None, None)
            assert sections and all(section.headline.endswith(".") for section in sections), kind
            assert all(figure.text for section in sections for figure in section.figures.values()), kind

    @pytest.mark.parametrize(
        "result", [3, "page", ep.VICReg(), ep.Spectrum, {}, {"a": 1}, [1, 2]], ids=lambda result: str(result)[:20]
    )
    def test_others_are_refused_by_name(self, result):
        with pytest.raises(TypeError, match=r"results\[0\] is .*; give a Spectrum"):
            report.render(result)

    def test_nothing_is_refused(self):
        with pytest.raises(ValueError, match="no result to report on"):
            report.render()

    def test_an_estimator_has_to_be_fitted(self):
        with pytest.raises(ValueError, match="not fitted; call fit"):
            report.render(ep.SpectralSSL())

    def test_curves_are_pairs_of_vectors(self):
        with pytest.raises(ValueError, match=r"curves\['loss'\] has steps of shape \(3,\) and values of shape \(2,\)"):
            report.render({"loss": (np.arange(3), np.arange(2))})
        with pytest.raises(ValueError, match="two vectors of numbers"):
            report.render({"loss": (["a"], ["b"])})

    def test_the_verdict_is_the_worst(self, digits):
        Z = np.random.default_rng(0).standard_normal((100, 5))
        dead = Z * [1, 1, 1, 1, 0]
        found = sections_of(({"good": ep.diagnose(Z), "dead": ep.diagnose(dead)}, ep.diagnose(Z)), None, None)
        assert [section.verdict for section in found] == ["partially collapsed", "healthy"]
        assert overall(found) == "partially collapsed"
        assert overall(sections_of((digits[3],), None, None)) == ""

    def test_diagnoses_of_unequal_metrics_and_shapes(self, digits):
        X, G, _, _ = digits
        page = report.render({"pairs": ep.diagnose(X, relation=G), "few": ep.diagnose(X[:9, :3])})
        assert page.count("Dirichlet energy") >= 2, "a metric of the first only is missing"

    def test_a_comparison_stands_in_its_order(self, digits):
        rng = np.random.default_rng(0)
        rows = {"dead": rng.standard_normal((99, 4)) * [1, 1, 1, 0], "best": rng.standard_normal((99, 4))}
        diagnoses, alike = sections_of((compare(rows),), None, None)
        assert list(diagnoses.values["diagnoses"]) == ["best", "dead"] == alike.values["order"]
        heat = alike.figures["alike"].data[0]
        assert np.allclose(np.diag(heat["z"]), 1) and heat["x"] == ["best", "dead"]

    def test_probes_have_their_figures(self, digits):
        X, G, labels, _ = digits
        section = sections_of((ep.diagnose(X, relation=G, y=labels),), None, None)[0]
        scores = section.figures["probes"].data[0]
        assert scores["x"] == ["kNN", "kNN, cosine", "ridge", "logistic"] and max(scores["y"]) <= 1
        section = sections_of((ep.diagnose(X, relation=G, y=X[:, 0]),), None, None)[0]
        assert section.figures["probes"].data[0]["x"] == ["kNN", "kNN, cosine", "ridge"], "no logistic for real values"

    def test_rows_with_nan_are_shown_as_invalid(self):
        Z = np.random.default_rng(0).standard_normal((50, 4))
        Z[3, 1] = np.nan
        page = report.render(ep.diagnose(Z), X=Z)
        assert "Invalid" in page and "1 rows with NaN or inf are left out" in page

    def test_two_towers_are_drawn_together(self):
        X, _ = rows_with_correlations([0.9, 0.5, 0.2])
        towers = ep.Towers(X[: len(X) // 2], X[len(X) // 2 :])
        spec = ep.spectrum(towers)
        scatter = modes_section(spec, None, None, None, 1000)
        assert scatter.values["legend"] == [("first tower", len(X) // 2), ("second tower", len(X) // 2)]
        with pytest.raises(TypeError, match=r"2 tower\(s\); give ep.Towers"):
            report.render(spec, X=X)

    def test_graphs_are_drawn_at_their_own_rows(self):
        G = ep.Relation.from_sequence(30)
        spec = ep.spectrum(None, G, features=ep.Free())
        page = report.render(spec.embed(ep.Whitening(), 3), labels=np.arange(30) % 2)
        assert "30 rows in 2 classes" in page

    def test_a_page_is_the_same_twice(self, everything):
        assert report.render(*everything) == report.render(*everything)


class TestRowsAndLabels:
    def test_only_rows_that_are_drawn_are_read(self, digits):
        X, _, _, spec = digits

        class Counted(np.ndarray):
            read = 0

            def __getitem__(self, rows):
                found = super().__getitem__(rows)
                Counted.read += len(found) if found.ndim == 2 else 0
                return found

        modes_section(spec, None, X.view(Counted), None, 20)
        assert Counted.read <= 40

    def test_positions_are_the_modes(self, digits):
        X, _, _, spec = digits
        section = modes_section(spec, None, X, None, len(X))
        import base64

        found = np.frombuffer(base64.b64decode(section.data["points"]["axes"][1]["values"]), "<f4")
        assert np.allclose(found, spec.transform(X)[:, 1], atol=1e-5)

    def test_one_label_per_row(self, digits):
        with pytest.raises(ValueError, match=r"labels has shape \(3,\) and there are 300 rows"):
            report.render(digits[3], X=digits[0], labels=[1, 2, 3])

    def test_labels_need_rows(self, digits):
        spec = digits[3]
        with pytest.raises(ValueError, match="pass X as well"):
            report.render(ep.diagnose(digits[0]), labels=digits[2])
        saved = ep.Spectrum(spec.rho, spec.rank, spec.features, spec.weighting, spec.n_samples, spec.modes)
        with pytest.raises(ValueError, match="a saved model does not hold the rows"):
            report.render(saved, labels=digits[2])

    def test_missing_labels(self):
        found = read_labels(np.array(["b", "", None, "a", float("nan")], dtype=object), 5)
        assert found.names == ["a", "b"] and found.index.tolist() == [1, -1, -1, 0, -1]
        assert read_labels([3, -1, 3, 10], 4).index.tolist() == [0, -1, 0, 1]
        assert read_labels([2.0, np.nan, 10.0], 3).names == ["2", "10"], "whole numbers name classes, in their order"
        assert read_labels([True, False], 2).names == ["False", "True"]

    def test_fractions_are_scores(self):
        found = read_labels([0.5, 1.0, np.nan], 3)
        assert isinstance(found, Scores) and np.isnan(found.values[2])

    def test_rare_classes_share_the_last_mark(self):
        labels = np.concatenate([np.repeat(np.arange(60), 3), np.arange(60, 80)])
        found = read_labels(labels, len(labels))
        assert isinstance(found, Classes) and len(found.names) == MOST_CLASSES == SERIES**2
        assert found.names[-1] == "17 rarer labels" and np.count_nonzero(found.index == MOST_CLASSES - 1) == 17

    def test_every_class_has_a_mark_of_its_own(self, digits):
        shapes = re.search(r'"shapes": (\[\[.*?\]\])', report.render(digits[3])).group(1)
        marks = re.findall(r'\[(\d), "([\w-]+)"\]', shapes)
        assert len(set(marks)) == MOST_CLASSES

    @pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
    def test_colours_differ_to_colour_blind_eyes(self, theme):
        """Simulated after Machado, Oliveira & Fernandes (2009); shapes differ as well."""
        from importlib import resources

        style = resources.files("eigenpairs.report").joinpath("page.css").read_text()
        texts = re.findall(r"--series-\d: #(\w{6})", style)[theme * SERIES :][:SERIES]
        colours = np.array([[int(text[k : k + 2], 16) / 255 for k in (0, 2, 4)] for text in texts])
        linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
        protan = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
        deutan = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
        for eyes in (np.eye(3), protan, deutan):
            lab = to_lab(np.clip(linear @ np.array(eyes).T, 0, 1))
            distance = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 100 * np.eye(SERIES)
            assert distance.min() > 8, (
                f"two colours look alike: {texts} at {np.unravel_index(distance.argmin(), (8, 8))}"
            )


def to_lab(linear):
    xyz = linear @ np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]])
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


class TestTexts:
    def test_json_ends_no_script(self):
        text = embedded({"</script>": "<!-- ]]> & \u2028 \ud800", "nan": [np.nan, np.inf, np.float32(1.5)]})
        assert not set(text) & set("<>&\u2028") and text.isascii()
        assert '"nan": [null, null, 1.5]' in text

    def test_texts_for_plotly(self):
        assert in_figure("<b>x</b> &lt;") == "&lt;b&gt;x&lt;/b&gt; &amp;lt;"
        assert len(in_figure("x" * 500)) == 60

    def test_unseen_characters_are_replaced(self):
        assert clean("a\ud800b\u202ec\x07d") == "a\ufffdb\ufffdc\ufffdd"
        clean("\ud800").encode("utf-8")

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.0, "0"), (1.23456, "1.235"), (-2.5, "−2.5"), (12345.0, "12,345"), (np.inf, "∞"), (None, "–")],
    )
    def test_numbers(self, value, text):
        assert number(value) == text

    def test_hostile_names_of_files_and_findings_are_escaped(self, digits):
        X, G, _, _ = digits
        page = report.render({"<script>alert(1)</script>": ep.diagnose(X, relation=G)}, title="<img onerror=x>")
        assert "<script>alert" not in page and "<img" not in page.split("<main")[1].split("<script")[0]


class TestGauge:
    def test_ends_are_at_the_margins(self):
        scale = Scale.of([1.0, None, 3.0, np.nan, 2.0])
        assert (scale.place(1.0), scale.place(2.0), scale.place(3.0)) == (MARGIN, 50.0, 100 - MARGIN)
        assert scale.place(np.nan) is None and scale.place(None) is None

    def test_wide_positive_ranges_are_logarithmic(self):
        scale = Scale.of([1.0, 10_000.0])
        assert scale.log and scale.place(100.0) == pytest.approx(50)
        assert not Scale.of([0.0, 10_000.0]).log

    def test_one_value_has_room(self):
        assert Scale.of([0.0, 0.0]) == Scale(0.0, 1.0, False)
        assert 0 < Scale.of([5.0]).place(5.0) < 100
        assert Scale.of([]).place(1.0) is not None

    def test_a_reference_without_parts(self, digits):
        from dataclasses import replace

        diagnosis = ep.diagnose(digits[0])
        bare = replace(
            diagnosis, metrics={"rankme": Metric("rankme", "RankMe", np.nan, "Smooth rank.", "", Reference())}
        )
        assert "RankMe: –" in report.render(bare)


class TestFile:
    def test_it_is_whole_or_not_there(self, tmp_path, digits):
        path = tmp_path / "page.html"
        with pytest.raises(TypeError):
            report.write(path, 3)
        assert list(tmp_path.iterdir()) == [], "an error left something behind"
        report.write(path, digits[3])
        before = path.read_bytes()
        with pytest.raises(FileExistsError, match="overwrite=True"):
            report.write(path, digits[3])
        assert path.read_bytes() == before and before.endswith(b"</html>")
        report.write(path, digits[3], title="again", overwrite=True)
        assert b"<h1>again</h1>" in path.read_bytes()

    def test_a_folder_that_is_missing(self, tmp_path, digits):
        with pytest.raises(FileNotFoundError, match="create it first"):
            report.write(tmp_path / "nowhere" / "page.html", digits[3])

    def test_nothing_in_it_points_outside(self, digits):
        page = report.render(digits[3])
        own = page.split("<script>")[0] + page.split("</script>")[-1]
        assert not re.search(r"(?:src|href)=\"(?!#|data:)", own)
        assert "connect-src" not in own and "default-src 'none'" in own

    @pytest.mark.parametrize("module", ["plotly", "jinja2"])
    def test_a_missing_extra_says_how_to_install_it(self, monkeypatch, digits, module):
        for name in [name for name in sys.modules if name.split(".")[0] == module]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ModuleNotFoundError, match=rf"needs {module}; .*eigenpairs\[report\]"):
            report.render(digits[3])

    def test_importing_the_room_needs_no_extra(self):
        import subprocess

        code = "import sys, eigenpairs.report; print([m for m in ('plotly', 'jinja2', 'sklearn') if m in sys.modules])"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "[]"
