"""The site in headless Chromium: it renders, sorts and filters, without errors or requests out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

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
    "--disable-features=OptimizationHints,MediaRouter",
    "--virtual-time-budget=2000",
    "--enable-logging=stderr",
    "--v=0",
)


class Visit(NamedTuple):
    """What a visit left: the page after its script ran, messages, requests as (host, path)."""

    dom: str
    console: list[str]
    requests: set[tuple[str, str]]

    def rows(self, table: str = "ranking") -> list[str]:
        """Methods of a table's visible rows, in order."""
        body = re.search(rf'<table id="{table}".*?</table>', self.dom, re.DOTALL)
        assert body
        rows = re.findall(r"<tr([^>]*)>(.*?)</tr>", body[0], re.DOTALL)
        shown = [row for attributes, row in rows if "hidden" not in attributes]
        return [name[1] for row in shown if (name := re.search(r"submissions/[^>]*>([^<]+)<", row))]


@pytest.fixture(scope="module")
def address(
    submitted_once: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of a served site of three methods."""
    for name in ("random", "greedy", "biased"):
        folder = submitted_once(name)
    root = build_site(load_entries(folder.parent), tmp_path_factory.mktemp("web") / "site").parent

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(address: str, tmp_path: Path) -> Callable[[str], Visit]:
    """Open a page and return what came of it."""

    def run(path: str, *options: str) -> Visit:
        log = tmp_path / "net.json"
        command = [str(BROWSER), *QUIET, f"--user-data-dir={tmp_path / 'profile'}"]
        command += [f"--log-net-log={log}", *options, "--dump-dom", f"{address}/{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        found = re.findall(r'"url":"([^"]+)"', log.read_text(errors="replace"))
        parts = [urlsplit(json.loads(f'"{url}"')) for url in found]
        web = {(p.netloc, p.path) for p in parts if p.scheme in ("http", "https", "ws", "wss")}
        return Visit(done.stdout, console, web)

    return run


PAGES = (
    "index.html",
    "boards/fakes.html",
    "tasks/fakes--heavy.html",
    "submissions/greedy.html",
    "best-known.html",
    "about.html",
)


@pytest.mark.parametrize("path", PAGES)
def test_pages_render_without_errors_or_requests_out(
    visit: Callable[[str], Visit], address: str, path: str
) -> None:
    found = visit(path)
    assert "<h1>" in found.dom
    assert "Theme: auto" in found.dom  # The script ran.
    assert found.console == []
    assert {host for host, _ in found.requests} == {address.removeprefix("http://")}
    names = {name for _, name in found.requests}
    assert names == {f"/{path}", "/assets/site.css", "/assets/site.js"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("", ["greedy", "biased", "random"]),
        ("#sort=method&dir=asc", ["biased", "greedy", "random"]),
        ("#sort=method&dir=desc", ["random", "greedy", "biased"]),
        ("#sort=rank&dir=desc", ["random", "biased", "greedy"]),
        ("#q=tester+bia", ["biased"]),
        ("#kind=learned", []),
        ("#kind=heuristic,search&sort=method", ["biased", "greedy", "random"]),
    ],
)
def test_tables_sort_and_filter_by_the_address(
    visit: Callable[[str], Visit], state: str, expected: list[str]
) -> None:
    found = visit(f"boards/fakes.html{state}")
    assert found.rows() == expected
    assert found.console == []
    if "sort=" in state:
        direction = "descending" if "desc" in state else "ascending"
        assert f'aria-sort="{direction}"' in found.dom


def test_what_is_clicked_and_typed_sorts_and_filters(
    address: str, tmp_path: Path, visit: Callable[[str], Visit]
) -> None:
    """A page beside the site drives it as a user would, by keyboard events and clicks."""
    script = """
      const frame = document.querySelector("iframe");
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
        page.getElementById("theme").click();
        said.push(page.documentElement.dataset.theme);
        page.getElementById("theme").click();
        said.push(page.documentElement.dataset.theme);
        document.querySelector("output").textContent = said.join("|");
      });
    """
    root = tmp_path / "driver"
    root.mkdir()
    (root / "index.html").write_text(
        f"<iframe src='{address}/boards/fakes.html'></iframe><output></output>"
        f"<script>{script}</script>"
    )
    # The same origin lets the page look into the frame.
    handler = {"/driver.html": (root / "index.html").read_bytes()}
    found = _with_extra(address, handler, tmp_path)
    output = re.search(r"<output>(.*?)</output>", found)
    assert output
    assert output[1].replace("&amp;", "&").split("|") == [
        "greedy biased random",
        "focus",
        "biased greedy random",
        "random greedy biased",
        "random",
        "#sort=method&dir=desc&q=random",
        "light",
        "dark",
    ]


def _with_extra(address: str, pages: dict[str, bytes], tmp_path: Path) -> str:
    """Open a page that stands before the site, at one address with it; returns its DOM."""
    import urllib.request

    class Front(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            kind = "text/html"
            if path in pages:
                content = pages[path]
            else:
                with urllib.request.urlopen(f"{address}{path}") as answer:
                    content, kind = answer.read(), answer.headers["Content-Type"]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = f"http://127.0.0.1:{server.server_address[1]}"
    pages["/driver.html"] = pages["/driver.html"].replace(address.encode(), own.encode())
    command = [str(BROWSER), *QUIET, f"--user-data-dir={tmp_path / 'other'}"]
    try:
        done = subprocess.run(
            [*command, "--dump-dom", f"{own}/driver.html"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.stdout
    finally:
        server.shutdown()
        server.server_close()
