"""The site in headless Chromium: it renders, sorts and filters, without errors or requests out."""

from __future__ import annotations

import html
import itertools
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from made_up import make_mixed

from chipgym.leaderboards.ranking import load_entries
from chipgym.leaderboards.site import build_site

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium")

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    # The browser itself must not ask its maker for anything either.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--virtual-time-budget=5000",
    "--enable-logging=stderr",
    "--v=0",
)
PAGES = (
    "index.html",
    "boards/fakes.html",
    "boards/mixed.html",
    "boards/mixed--soc-scheduling.html",
    "tasks/fakes--heavy.html",
    "submissions/generalist.html",
    "best-known.html",
    "about.html",
)
PHONE, DESK = 390, 1280
CONTRAST = 4.5
"""Least contrast of text, WCAG 2.2 level AA."""


class Web(NamedTuple):
    """A served site: its address, and a folder for further pages at the same address."""

    address: str
    extra: Path


class Visit(NamedTuple):
    """What a visit left: the page after its script ran, and messages."""

    dom: str
    console: list[str]

    @property
    def methods(self) -> list[str]:
        """Methods of the ranking's visible rows, in order."""
        body = re.search(r'<table id="ranking".*?</table>', self.dom, re.DOTALL)
        assert body
        rows = re.findall(r"<tr([^>]*)>(.*?)</tr>", body[0], re.DOTALL)
        shown = [row for attributes, row in rows if " hidden" not in attributes]
        return [name[1] for row in shown if (name := re.search(r"submissions/[^>]*>([^<]+)<", row))]


@pytest.fixture(scope="module")
def web(
    submitted_once: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """A served site of two suites."""
    for name in ("random", "greedy", "biased"):
        folder = submitted_once(name)
    mixed = make_mixed(tmp_path_factory.mktemp("mixed"))
    entries = load_entries(folder.parent) + load_entries(mixed)
    root = build_site(entries, tmp_path_factory.mktemp("web") / "site").parent

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(root))

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Web(f"http://127.0.0.1:{server.server_address[1]}", root)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def visit(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Visit]:
    """Open a page and return what came of it."""
    profile = tmp_path_factory.mktemp("profile")

    def run(path: str) -> Visit:
        command = [str(BROWSER), *QUIET, f"--user-data-dir={profile}", "--dump-dom"]
        done = subprocess.run(
            [*command, path if path.startswith("file:") else f"{web.address}/{path}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return Visit(done.stdout, [x for x in done.stderr.splitlines() if "CONSOLE" in x])

    return run


@pytest.fixture(scope="module")
def drive(web: Web, visit: Callable[[str], Visit]) -> Callable[[str, str], Any]:
    """Let a page at the same address drive one of the site's pages; returns what it found."""
    numbers = itertools.count()

    def run(path: str, script: str) -> Any:
        # The browser may keep a page of the same name that was written in the same second.
        driver = f"driver-{next(numbers)}.html"
        (web.extra / driver).write_text(
            f'<iframe src="{path}" width="{DESK}" height="800"></iframe><output></output><script>'
            'const frame = document.querySelector("iframe");'
            "const write = (found) => {"
            ' document.querySelector("output").textContent = JSON.stringify(found); };'
            f"{script}</script>"
        )
        found = visit(driver)
        # Refused requests and broken scripts would stand here.
        assert found.console == []
        output = re.search(r"<output>(.*?)</output>", found.dom, re.DOTALL)
        assert output
        return json.loads(html.unescape(output[1]))

    return run


@pytest.fixture(scope="module")
def tour(drive: Callable[[str, str], Any]) -> dict[str, dict[str, Any]]:
    """What there is to see of each page, as a phone and as a desk, light and dark."""
    tour = (Path(__file__).parent / "tour.js").read_text()
    script = f"const pages = {list(PAGES)}; const [phone, desk] = [{PHONE}, {DESK}]; {tour}"
    found = drive(PAGES[0], script)
    assert list(found) == list(PAGES)
    return dict(found)


def test_pages_render_and_their_script_runs(tour: dict[str, dict[str, Any]]) -> None:
    for path, seen in tour.items():
        assert seen["headings"] == 1, path
        assert seen["theme"] == "Theme: auto", path
        assert seen["landmarks"] == ["header", "nav", "main", "footer"], path
        assert seen["skips_to"] == "main", path
        assert seen["repeated_ids"] == [], path


def test_pages_request_nothing_from_elsewhere(web: Web, tour: dict[str, dict[str, Any]]) -> None:
    own = {f"{web.address}/assets/site.css", f"{web.address}/assets/site.js"}
    # What the browser has in memory already, it does not load again.
    assert {name for seen in tour.values() for name in seen["loaded"]} == own


def test_no_page_is_wider_than_a_phone(tour: dict[str, dict[str, Any]]) -> None:
    assert [path for path, seen in tour.items() if seen["too_wide"]] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out(tour: dict[str, dict[str, Any]], theme: str) -> None:
    for path, seen in tour.items():
        ratio, text = seen["contrast"][theme]
        assert ratio >= CONTRAST, f"{path}: {text!r}"


def test_a_page_works_from_a_file(web: Web, visit: Callable[[str], Visit]) -> None:
    found = visit(f"{(web.extra / 'boards/fakes.html').as_uri()}#sort=method&dir=desc")
    assert found.console == []
    assert found.methods == ["random", "greedy", "biased"]


def test_tables_sort_and_filter_by_the_address(drive: Callable[[str, str], Any]) -> None:
    expected = {
        "": ["greedy", "biased", "random"],
        "#q=tester+bia": ["biased"],
        "#kind=learned": [],
        "#kind=heuristic,search&sort=method": ["biased", "greedy", "random"],
        "#sort=score&dir=asc": ["random", "biased", "greedy"],
        "#sort=ranking:score&dir=desc": ["greedy", "biased", "random"],
        "#sort=no-such:score&family=none": ["greedy", "biased", "random"],
    }
    script = f"""
      const states = {list(expected)};
      const found = [];
      function next() {{
        const view = frame.contentWindow;
        const rows = view.document.querySelectorAll("#ranking tbody tr:not([hidden])");
        found.push([...rows].map((row) => row.cells[1].querySelector("a").textContent));
        if (found.length === states.length) write(found);
        else view.location.hash = states[found.length];
      }}
      frame.addEventListener("load", () => {{
        frame.contentWindow.addEventListener("hashchange", next);
        next();
      }});
    """
    assert drive("boards/fakes.html", script) == list(expected.values())


def test_what_is_clicked_and_typed_sorts_and_filters(drive: Callable[[str, str], Any]) -> None:
    script = """
      frame.addEventListener("load", () => {
        const page = frame.contentDocument;
        const view = frame.contentWindow;
        const names = () => [...page.querySelectorAll("#ranking tbody tr:not([hidden])")]
          .map((row) => row.cells[1].querySelector("a").textContent).join(" ");
        const found = [names()];
        const head = page.querySelector('#ranking th[data-key="method"]');
        const sort = head.querySelector("button");
        sort.focus();
        found.push(page.activeElement === sort, view.getComputedStyle(sort).outlineStyle);
        sort.click(); found.push(names(), head.getAttribute("aria-sort"));
        sort.click(); found.push(names(), head.getAttribute("aria-sort"));
        const find = page.querySelector('input[name="q"]');
        find.value = "random";
        find.dispatchEvent(new view.Event("input", { bubbles: true }));
        found.push(names(), view.location.hash, page.querySelector(".tools output").textContent);
        write(found);
      });
    """
    assert drive("boards/fakes.html", script) == [
        "greedy biased random",
        True,
        "solid",
        "biased greedy random",
        "ascending",
        "random greedy biased",
        "descending",
        "random",
        "#sort=method&dir=desc&q=random",
        "1 of 3 shown",
    ]


def test_a_family_is_chosen_and_a_task_sorts_all(drive: Callable[[str, str], Any]) -> None:
    script = """
      frame.addEventListener("load", () => {
        const page = frame.contentDocument;
        const names = () => [...page.querySelectorAll("#scores tbody tr:not([hidden])")]
          .map((row) => row.cells[0].textContent);
        const columns = () => [...page.querySelectorAll("#scores thead th[data-key]:not([hidden])")]
          .map((head) => head.dataset.key);
        const found = [names(), columns()];
        page.querySelector('#scores th[data-key="calm"] button').click();
        found.push(names());
        const family = page.querySelector('select[name="family"]');
        family.value = "dram-controllers";
        family.dispatchEvent(new frame.contentWindow.Event("input", { bubbles: true }));
        found.push(names(), columns(), frame.contentWindow.location.hash);
        found.push([...page.querySelectorAll("#leaders tbody tr:not([hidden])")].length);
        const frameOf = page.querySelector("#scores").parentElement;
        const first = page.querySelector("#scores tbody th");
        const left = first.getBoundingClientRect().left;
        frame.width = 390;
        family.value = "";
        family.dispatchEvent(new frame.contentWindow.Event("input", { bubbles: true }));
        frameOf.scrollLeft = 0;
        const before = first.getBoundingClientRect().left;
        frameOf.scrollLeft = 60;
        found.push(frameOf.scrollLeft > 0, first.getBoundingClientRect().left === before);
        write(found);
      });
    """
    tasks = ["calm", "bursty", "mapping", "tuning"]
    everyone = ["generalist", "list-scheduler", "only-calm", "tuner"]
    assert drive("boards/mixed.html", script) == [
        everyone,
        ["method", "count", *tasks],
        ["only-calm", "list-scheduler", "generalist", "tuner"],
        ["generalist", "tuner"],
        ["method", "count", "tuning"],
        "#sort=scores%3Acalm&dir=desc&family=dram-controllers",
        1,
        True,
        True,
    ]
