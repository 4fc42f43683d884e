"""The page in a real browser: it works, asks for nothing, follows sliders, themes, keys and small screens."""

import numpy as np
import pytest
from support import rows_with_correlations

import eigenpairs as ep
from eigenpairs import report
from eigenpairs.diagnose.compare import compare

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>document.title='broken'</script>",
    "<!-- <script>",
    "<img src=x onerror=alert(1)>",
    "<b>bold</b> &lt; &amp;lt; <a href='https://x.org'>link</a>",
    "line\u2028separator\u2029and\x00nul",
    "%{x} ${y} {{ 7 * 7 }}",
    "'\"`\\",
    "\ud800 half a pair",
    "\u202eturned",
]
PLOTS = "return [...document.querySelectorAll('.js-plotly-plot')]"
STATE = "return document.querySelector('[data-explorer]').state"


def move(page, selector, value):
    """Move a slider as a hand does: to a value, with the event that follows."""
    script = (
        "const s = document.querySelector(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('input'))"
    )
    page.run(script, selector, value)


@pytest.fixture
def put_back(page):
    yield
    page.run("document.querySelector('.reset').click(); document.querySelector('.option input').click()")
    page.run("document.querySelector('.switch input').click()")


# ---------------------------------------------------------------- the page as a whole


def test_nothing_is_complained_about_and_nothing_asked_for(opened, everything, digits):
    page = opened(*everything, X=digits[0], labels=digits[2])
    assert page.run(f"{PLOTS}.length") >= 7, "a figure is missing"
    page.run("document.getElementById('theme').click()")
    move(page, ".parameter input", 800)
    page.find(".legend button").click()
    assert page.complaints() == []
    elsewhere = [url for url in page.requests() if not url.startswith(("data:", "blob:"))]
    assert len(elsewhere) == 1 and elsewhere[0].startswith("file:"), f"the page asked for {elsewhere[1:]}"


def test_figures_are_valid_for_plotly(page):
    """plotly drops what it does not know without a word; `validate` tells."""
    found = page.run(f"{PLOTS}.flatMap(p => Plotly.validate(p.data, p.layout) ?? [])")
    wrong = [one["msg"] for one in found if one["code"] != "unused"]
    assert wrong == []


def test_size_is_below_six_and_a_half_megabytes(tmp_path):
    """Also at its largest: many points, many modes, many labels."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30_000, 8)).astype(np.float32)
    labels = np.array([f"label number {k}, with a long name" for k in range(100)])[rng.integers(0, 100, 30_000)]
    report.write(tmp_path / "page.html", ep.diagnose(X), X=X, labels=labels)
    assert (tmp_path / "page.html").stat().st_size < 6.5e6


def test_scripts_from_elsewhere_do_not_run(page):
    """The policy of the page knows its own scripts; one that slipped in would not run."""
    page.run(
        "const s = document.createElement('script'); s.textContent = 'window.slipped = 1'; document.body.append(s)"
    )
    assert page.run("return window.slipped ?? null") is None
    assert page.run("return document.querySelector('meta[http-equiv]').content").count("sha256-") >= 6
    page.complaints()  # the browser says that it refused


# ---------------------------------------------------------------- sliders


def expected_at_slider(page, digits):
    """What Python makes of the state that the page shows."""
    state = page.run(STATE)
    objective = ep.VICReg(invariance=state["values"][0])
    return state, objective.optimum(digits[3].rho, state["width"])


@pytest.mark.parametrize("position", [0, 250, 611, 1000])
def test_slider_moves_curve_and_numbers_as_python_does(page, digits, position, put_back):
    before = page.run(f"{PLOTS}[0].data[1].y")
    move(page, ".parameter input", position)
    state, expected = expected_at_slider(page, digits)
    plot = page.run(f"{PLOTS}[0].data[1].y")
    assert plot != before, "the curve did not move"
    assert np.allclose(plot, expected.gains, rtol=1e-6, atol=1e-12)
    assert state["best"]["loss"] == pytest.approx(expected.loss, rel=1e-6)
    assert page.find(".readout .rank").text == f"{expected.rank} of {state['width']}"
    shown = page.find(".readout .loss").text.replace(",", "").replace("−", "-")
    assert float(shown) == pytest.approx(expected.loss, rel=1e-4)
    assert page.find(".readout .status").text.startswith("exact")


def test_width_moves_every_objective(page, digits, put_back):
    before = page.run("return [...document.querySelectorAll('.option .fact')].map(x => x.textContent)")
    move(page, ".width input", 5)
    after = page.run("return [...document.querySelectorAll('.option .fact')].map(x => x.textContent)")
    assert before != after and all(text.endswith("of 5") for text in after)
    state, expected = expected_at_slider(page, digits)
    assert state["width"] == 5
    assert np.allclose(page.run(f"{PLOTS}[0].data[1].y"), expected.gains, rtol=1e-6, atol=1e-12)


def test_every_objective_can_be_chosen_and_seen_over_rho(page, digits, put_back):
    rho = digits[3].rho
    for option in page.find_all(".option input"):
        page.run("arguments[0].click()", option)
        best = page.run(STATE)["best"]
        assert len(best["gains"]) == 16 and best["status"] != "unknown"
    page.run("document.querySelectorAll('.switch input')[1].click()")
    curve = page.run(f"{PLOTS}[0].data[1]")
    assert np.allclose(curve["x"], rho[:16]), "the horizontal axis is rho"
    assert np.allclose(curve["y"], best["gains"])


def test_back_to_the_start(page):
    first = page.run(STATE)
    move(page, ".parameter input", 900)
    move(page, ".width input", 3)
    page.find(".reset").click()
    assert page.run(STATE) == first


def test_other_parameters_are_the_embeddings_own(opened, digits):
    """VICReg(variance=10) slides invariance at variance 10, where bound and best known value differ."""
    emb = digits[3].embed(ep.VICReg(invariance=1.0, variance=10.0), 20)
    page = opened(emb)
    assert page.run(STATE)["best"]["gains"] == pytest.approx(emb.optimum.gains.tolist(), rel=1e-6, abs=1e-6)
    move(page, ".parameter input", 500)
    state = page.run(STATE)
    expected = ep.VICReg(state["values"][0], 10.0).optimum(digits[3].rho, 20)
    assert state["best"]["lower_bound"] == pytest.approx(expected.lower_bound, rel=1e-6)
    assert state["best"]["loss"] == pytest.approx(expected.loss, rel=1e-6)


def test_what_python_found_stands_at_the_start_and_a_bound_beside_it(opened, digits):
    """Five columns of Barlow Twins: construction knows more than the formula, which only bounds elsewhere."""
    emb = digits[3].embed(ep.BarlowTwins(0.3), 5)
    page = opened(emb)
    start = page.run(STATE)["best"]
    assert start["loss"] == pytest.approx(emb.optimum.loss) and start["gains"] == pytest.approx(emb.optimum.gains)
    move(page, ".parameter input", 300)
    assert page.find(".readout .status").text.startswith("lower bound")
    assert page.find(".readout .loss").text.startswith("≥")


def test_an_objective_of_somebody_elses_is_shown_as_computed(opened, digits):
    class Halved(ep.Whitening):
        """The same, under another name."""

    page = opened(digits[3].embed(Halved(), 4))
    assert page.run(STATE)["best"]["gains"] == [1, 1, 1, 1]
    move(page, ".width input", 6)
    assert page.find(".readout .status").text.startswith("not known")
    assert page.complaints() == []


def test_keys_move_the_slider(page, put_back):
    slider = page.find(".parameter input")
    before = page.run(STATE)["values"][0]
    slider.send_keys("\ue014")  # arrow right
    assert page.run(STATE)["values"][0] > before
    assert page.run("return document.activeElement") == slider
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "one cannot see where the focus is"
    assert slider.get_attribute("aria-valuetext").startswith("invariance ")


# ---------------------------------------------------------------- looks


def test_theme_follows_the_button_and_figures_follow_the_theme(page):
    look = "return [getComputedStyle(document.body).backgroundColor, document.querySelector('.ytick text').style.fill]"
    before = page.run(look)
    button = page.find("#theme")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    dark = page.run(look)
    assert dark[0] != before[0] and dark[1] != before[1]
    button.click()
    assert page.run(look) == before


def test_theme_follows_the_system(browser, opened, digits):
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        page = opened(digits[3])
        assert page.run("return document.documentElement.dataset.theme") == "dark"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    page.until("return document.documentElement.dataset.theme === 'light'")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_stand_out(page, theme):
    """WCAG: a contrast of 4.5 for text, 3 for what carries meaning in a figure."""
    page.run("show_theme(arguments[0])", theme)
    names = ("page", "card", "ink", "soft", "accent", "gain", "tint", "healthy", "partial", "collapsed")
    tints = tuple(f"{name}-tint" for name in ("healthy", "partial", "collapsed"))
    colours = page.run("return Object.fromEntries(arguments[0].map(n => [n, token(`--${n}`)]))", names + tints)
    page.run("show_theme()")
    texts = [("ink", "page"), ("ink", "card"), ("ink", "tint"), ("soft", "page"), ("soft", "card"), ("accent", "card")]
    texts += [("soft", "tint"), *((tint.removesuffix("-tint"), tint) for tint in tints)]
    for text, ground in texts:
        assert contrast(colours[text], colours[ground]) >= 4.5, f"{text} on {ground} in the {theme} theme"
    assert contrast(colours["gain"], colours["card"]) >= 3


def contrast(first, second):
    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("width", [360, 768])
def test_no_sideways_scrolling(page, width):
    page.resize(width)
    page.until("return document.querySelector('.js-plotly-plot .main-svg').clientWidth < innerWidth")
    page.run("for (const d of document.querySelectorAll('details')) d.open = true")
    assert page.run("return document.documentElement.scrollWidth") <= width
    beyond = page.run(
        "return [...document.querySelectorAll('main *')].filter(x => !x.closest('.wide, svg, .plot, legend, .option') "
        "&& x.getBoundingClientRect().right > innerWidth + 1).map(x => x.outerHTML.slice(0, 80))"
    )
    assert beyond == []


def test_everything_has_a_name_and_a_place(page):
    """Landmarks, one first heading, names for all controls, words and a table for every figure."""
    assert [len(page.find_all(name)) for name in ("header", "nav", "main", "footer", "h1")] == [1, 1, 1, 1, 1]
    for control in page.find_all("input, select, button, a, summary"):
        assert control.accessible_name, control.get_attribute("outerHTML")
    for figure in page.find_all(".plot"):
        assert len(figure.get_attribute("aria-label")) > 20
        assert page.run("return !!arguments[0].parentElement.querySelector('table')", figure), (
            "no table beside a figure"
        )
    first = page.run("return document.querySelector('a, button, input').className")
    assert first == "skip", "the first stop of the Tab key skips to the content"


def test_the_table_follows_the_slider(page, put_back):
    page.run("document.querySelector('.live').open = true")
    page.until("return document.querySelectorAll('.live tbody tr').length > 0")
    before = page.run("return document.querySelector('.live tbody').textContent")
    move(page, ".parameter input", 900)
    assert page.run("return document.querySelector('.live tbody').textContent") != before


def test_prints_in_light_colours_without_controls(browser, page):
    page.find("#theme").click()
    printed = browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert len(printed) > 20_000
    assert page.run("return document.documentElement.dataset.theme") == "dark", "printing changed the screen for good"
    page.find("#theme").click()


# ---------------------------------------------------------------- what comes from users


def test_hostile_texts_show_as_texts(opened, digits):
    X, _, _, spec = digits
    labels = np.array([HOSTILE[k % len(HOSTILE)] for k in range(len(X))], dtype=object)
    alike = compare({name: X[:, :k] for k, name in enumerate(HOSTILE, start=4)})
    curves = {name: (np.arange(3), np.arange(3)) for name in HOSTILE}
    page = opened(spec.embed(ep.VICReg(), 4), alike, curves, title=HOSTILE[1], X=X, labels=labels)
    assert page.complaints() == []
    assert page.find("h1").text == HOSTILE[1] == page.driver.title
    legend = [element.text for element in page.find_all(".scatter .legend bdi")]
    assert set(legend) >= {HOSTILE[0], HOSTILE[3], HOSTILE[4], HOSTILE[6], HOSTILE[7]}, legend
    assert page.run("return document.querySelectorAll('main img, main [onerror], main .legend script').length") == 0
    assert page.run("return [...document.querySelectorAll('a')].every(a => a.getAttribute('href')?.startsWith('#'))")
    headings = [heading.text for heading in page.find_all("h3 bdi")]
    assert HOSTILE[0] in headings and HOSTILE[3] in headings
    drawn = page.run(
        "return [...document.querySelectorAll('.xtick text')].map(x => x.textContent + '|' + x.children.length)"
    )
    for text in (HOSTILE[0], HOSTILE[3], HOSTILE[4]):
        assert f"{text}|0" in drawn, f"plotly read {text} as its HTML: {drawn}"


def test_hovering_shows_hostile_labels_as_texts(opened):
    X, G = rows_with_correlations([0.9, 0.5], n_sources=4)
    page = opened(ep.spectrum(X, G), X=X, labels=["<b>bold</b> <i>%{x}</i>"] * len(X))
    page.run("Plotly.Fx.hover(document.querySelectorAll('.js-plotly-plot')[1], [{curveNumber: 0, pointNumber: 3}])")
    page.until("return document.querySelector('.hoverlayer text')")
    shown = page.run("return document.querySelector('.hoverlayer .hovertext').textContent")
    assert shown == "<b>bold</b> <i>%{x}</i>, row 3"


def test_no_more_than_twenty_thousand_points_which_the_page_says(opened):
    X = np.random.default_rng(0).standard_normal((21_000, 3))
    page = opened(X=X, labels=np.arange(21_000) % 3)
    counts = page.run(f"{PLOTS}[0].data.map(t => t.x.length)")
    assert sum(counts) == 20_000
    assert "20,000 of 21,000 rows" in page.find(".lead").text


def test_classes_can_be_hidden_and_axes_chosen(page, digits):
    button = page.find(".legend [data-class='2']")
    plot = "document.querySelector('.scatter .js-plotly-plot')"
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert page.run(f"return {plot}.data.map(t => t.visible)").count(False) == 1
    button.click()
    assert all(page.run(f"return {plot}.data.map(t => t.visible)"))
    page.run(
        "const s = document.querySelectorAll('.scatter select')[1]; s.value = '3'; s.dispatchEvent(new Event('change'))"
    )
    modes = digits[3].transform(digits[0])
    found = page.run(f"const t = {plot}.data[0]; return [t.x, t.y, t.text]")
    rows = [int(text.split("row ")[1]) for text in found[2]]
    assert np.allclose(found[0], modes[rows, 0], atol=1e-5) and np.allclose(found[1], modes[rows, 3], atol=1e-5)
