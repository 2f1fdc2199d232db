"""A local web server for a built site."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chipgym.simulators.core.errors import FileFormatError

__all__ = ["make_server"]


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the browser shows what fails."""


def make_server(site: str | Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a site's folder for this machine alone; port 0 takes a free one.

    Raises
    ------
    FileFormatError
        The folder holds no site.
    """
    root = Path(site)
    if not (root / "index.html").is_file():
        raise FileFormatError(root, "no site there; make one with: chipgym leaderboard build")
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(root)))
