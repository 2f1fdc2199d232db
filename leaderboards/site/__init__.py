"""The static site of the leaderboards: one HTML page, and the same as JSON."""

from chipgym.leaderboards.site.build import build_site

__all__ = ["build_site"]
