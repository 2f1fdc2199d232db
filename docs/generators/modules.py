"""The reference of every public module, a page for each folder of the package."""

from __future__ import annotations

import re

from generators.markdown import ROOT

# Folders of the package, and the title of the page that has all of their public modules.
FOLDERS = {
    "simulators": "All modules: simulators",
    "envs": "All modules: environments",
    "agents": "All modules: agents",
    "experiments": "All modules: experiments",
    "leaderboards": "All modules: leaderboards",
}

SHORT = {"envs": "environments"}


def public_modules(folder: str) -> list[str]:
    """Modules of a folder that export something, sorted; the command line has pages of its own."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        exports = re.search(r"^__all__ = \[(.+?)\]", path.read_text(encoding="utf-8"), re.M | re.S)
        if exports and not name.startswith("experiments.cli"):
            found.append(f"chipgym.{name}")
    return found


def modules_page(folder: str, title: str) -> str:
    """Reference of every public module of a folder."""
    text = f"# {title}\n\nWhat a newcomer needs first is in [the shorter reference](../"
    text += f"{'experiments' if folder == 'leaderboards' else SHORT.get(folder, folder)}.md). "
    text += "This page is made from the code and leaves nothing out.\n\n"
    for name in public_modules(folder):
        text += f"::: {name}\n    options: {{ heading_level: 2, show_root_full_path: true }}\n\n"
    return text
