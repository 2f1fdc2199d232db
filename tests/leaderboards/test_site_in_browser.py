"""The site in headless Chromium: it renders, sorts and filters, without errors or requests out."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

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
    "--virtual-time-budget=2000",
    "--enable-logging=stderr",
    "--v=0",
)
PAGES = (
    "index.html",
    "boards/fakes.html",
    "tasks/fakes--heavy.html",
    "submissions/greedy.html",
    "best-known.html",
    "about.html",
)


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
        shown = [row for attributes, row in rows if "hidden" not in attributes]
        return [name[1] for row in shown if (name := re.search(r"submissions/[^>]*>([^<]+)<", row))]

    @property
    def said(self) -> list[str]:
        """What a driving page wrote down."""
        output = re.search(r"<output>(.*?)</output>", self.dom)
        assert output
        return output[1].replace("&amp;", "&").split("|")


@pytest.fixture(scope="module")
def web(
    submitted_once: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    """A served site of three methods."""
    for name in ("random", "greedy", "biased"):
        folder = submitted_once(name)
    root = build_site(load_entries(folder.parent), tmp_path_factory.mktemp("web") / "site").parent

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


@pytest.fixture
def visit(web: Web, tmp_path: Path) -> Callable[[str], Visit]:
    """Open a page and return what came of it."""

    def run(path: str) -> Visit:
        command = [str(BROWSER), *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
        done = subprocess.run(
            [*command, f"{web.address}/{path}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return Visit(done.stdout, [x for x in done.stderr.splitlines() if "CONSOLE" in x])

    return run


@pytest.fixture
def drive(web: Web, visit: Callable[[str], Visit]) -> Callable[[str, str], list[str]]:
    """Let a page at the same address drive one of the site's pages; returns what it wrote down."""

    def run(path: str, script: str) -> list[str]:
        (web.extra / "driver.html").write_text(
            f'<iframe src="{path}" width="1200" height="800"></iframe><output></output><script>'
            'const frame = document.querySelector("iframe");'
            'const write = (said) => { document.querySelector("output").textContent ='
            f' said.join("|"); }};{script}</script>'
        )
        found = visit("driver.html")
        assert found.console == []
        return found.said

    return run


@pytest.mark.parametrize("path", PAGES)
def test_pages_render_without_errors(visit: Callable[[str], Visit], path: str) -> None:
    found = visit(path)
    assert "<h1>" in found.dom
    assert "Theme: auto" in found.dom  # The script ran.
    assert found.console == []  # Refused requests and broken scripts would stand here.


def test_pages_request_nothing_from_elsewhere(
    web: Web, drive: Callable[[str, str], list[str]]
) -> None:
    script = f"""
      const pages = {list(PAGES)};
      const said = [];
      frame.addEventListener("load", () => {{
        const own = frame.contentWindow.performance.getEntriesByType("resource");
        said.push(...own.map((entry) => entry.name));
        pages.shift();
        if (pages.length) frame.src = pages[0]; else write(said);
      }});
    """
    names = set(drive(PAGES[0], script))
    assert names == {f"{web.address}/assets/site.css", f"{web.address}/assets/site.js"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("", ["greedy", "biased", "random"]),
        ("#sort=method&dir=desc", ["random", "greedy", "biased"]),
        ("#sort=score&dir=asc", ["random", "biased", "greedy"]),
        ("#q=tester+bia", ["biased"]),
        ("#kind=learned", []),
        ("#kind=heuristic,search&sort=method", ["biased", "greedy", "random"]),
    ],
)
def test_tables_sort_and_filter_by_the_address(
    visit: Callable[[str], Visit], state: str, expected: list[str]
) -> None:
    found = visit(f"boards/fakes.html{state}")
    assert found.methods == expected
    assert found.console == []
    if "sort=" in state:
        direction = "descending" if "desc" in state else "ascending"
        assert f'aria-sort="{direction}"' in found.dom


def test_what_is_clicked_and_typed_sorts_and_filters(
    drive: Callable[[str, str], list[str]],
) -> None:
    script = """
      frame.addEventListener("load", () => {
        const page = frame.contentDocument;
        const names = () => [...page.querySelectorAll("#ranking tbody tr:not([hidden])")]
          .map((row) => row.cells[1].querySelector("a").textContent).join(" ");
        const said = [names()];
        const sort = page.querySelector('#ranking th[data-key="method"] button');
        sort.focus();
        said.push(page.activeElement === sort ? "focus" : "no focus");
        sort.click(); said.push(names());
        sort.click(); said.push(names());
        const find = page.querySelector('input[name="q"]');
        find.value = "random";
        find.dispatchEvent(new frame.contentWindow.Event("input", { bubbles: true }));
        said.push(names(), frame.contentWindow.location.hash);
        for (let i = 0; i < 2; i += 1) {
          page.getElementById("theme").click();
          said.push(page.documentElement.dataset.theme);
          said.push(frame.contentWindow.getComputedStyle(page.body).backgroundColor);
        }
        write(said);
      });
    """
    assert drive("boards/fakes.html", script) == [
        "greedy biased random",
        "focus",
        "biased greedy random",
        "random greedy biased",
        "random",
        "#sort=method&dir=desc&q=random",
        "light",
        "rgb(255, 255, 255)",
        "dark",
        "rgb(17, 21, 29)",
    ]


def test_phones_need_no_sideways_scrolling_of_the_page(
    drive: Callable[[str, str], list[str]],
) -> None:
    script = f"""
      const pages = {list(PAGES)};
      const said = [];
      frame.width = 375;
      frame.addEventListener("load", () => {{
        const root = frame.contentDocument.documentElement;
        if (root.scrollWidth > root.clientWidth) said.push(pages[0]);
        pages.shift();
        if (pages.length) frame.src = pages[0]; else write(["too wide:", ...said]);
      }});
    """
    assert drive(PAGES[0], script) == ["too wide:"]
