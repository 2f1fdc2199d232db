"""The static site of the leaderboards: plain files, no server, no request to other hosts."""

from chipgym.leaderboards.site.build import build_site
from chipgym.leaderboards.site.serve import make_server

__all__ = ["build_site", "make_server"]
