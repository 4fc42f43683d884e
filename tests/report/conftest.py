"""A browser for all tests of this room, and pages to open in it."""

import importlib.util
import json
import os
import shutil
import time

import numpy as np
import pytest
from support import rows_with_correlations

import eigenpairs as ep
from eigenpairs import report

SWITCHES = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "force-prefers-reduced-motion",  # no scrolling that lasts: clicks would miss
    "window-size=1200,900",
)


def _what_is_missing() -> str:
    """Why no page can be opened; empty if nothing is missing."""
    for module, extra in (("plotly", "report"), ("jinja2", "report"), ("selenium", "dev")):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed: it comes with the extra {extra!r}"
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"{program} is not installed: Debian and Ubuntu have it in chromium and chromium-driver"
    return ""


class Page:
    """A page in the browser, and what the browser logged about it."""

    def __init__(self, driver, path):
        self.driver = driver
        for kind in ("browser", "performance"):
            driver.get_log(kind)
        driver.get(path.as_uri())
        self.until("return document.readyState === 'complete'")

    def run(self, script, *arguments):
        """The result of a script, which sees what the page's own scripts define."""
        return self.driver.execute_script(script, *arguments)

    def until(self, script, seconds=20):
        """Wait until a script returns something true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"this never became true: {script}"

    def find(self, selector):
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def find_all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def complaints(self):
        """Errors and warnings of the console since it was last asked."""
        return [entry for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self):
        """Addresses that the page asked for since it was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]

    def resize(self, width, height=800):
        """Show it as a screen of this size would."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.until(f"return innerWidth === {width}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    missing = _what_is_missing()
    if missing and os.environ.get("EIGENPAIRS_REQUIRE_ALL") == "1":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for switch in [*SWITCHES, f"user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open what `report.write` makes of the arguments, in a tab of its own."""
    before = browser.current_window_handle
    browser.switch_to.new_window("tab")

    def open_page(*results, **options):
        report.write(tmp_path / "page.html", *results, **options)
        return Page(browser, tmp_path / "page.html")

    yield open_page
    browser.close()
    browser.switch_to.window(before)


@pytest.fixture(scope="module")
def page(browser, digits, everything, tmp_path_factory):
    """A page with everything on it, opened once for the tests of a file; tests put back what they move."""
    X, _, labels, _ = digits
    path = tmp_path_factory.mktemp("page") / "page.html"
    report.write(path, *everything, title="Everything", X=X, labels=labels)
    yield Page(browser, path)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="session")
def digits():
    """Rows, relation, labels, and an embedding whose objective has a closed form at every slider position."""
    rho = np.concatenate([np.linspace(0.95, 0.05, 28), np.linspace(-0.05, -0.4, 4)])
    X, G = rows_with_correlations(rho, n_sources=150)
    return X, G, np.tile(np.arange(150) % 12, 2), ep.spectrum(X, G)


@pytest.fixture(scope="session")
def everything(digits):
    """One of each kind of result."""
    X, G, _, spec = digits
    emb = spec.embed(ep.VICReg(), 16)
    Z = emb.transform(X)
    blurred = Z + 0.1 * np.random.default_rng(0).standard_normal(Z.shape)
    steps = np.arange(0, 100, 5)
    curves = {"loss": (steps, np.exp(-steps / 30)), "RankMe": (steps, np.where(steps < 50, np.nan, steps))}
    diagnosis = ep.diagnose(Z, relation=G, groups=np.tile(np.arange(150), 2), objective=ep.VICReg())
    return emb, diagnosis, ep.certify(blurred, ep.VICReg(), relation=G, X=X), curves
