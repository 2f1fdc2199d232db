"""Tutorials: scripts of examples/ as pages."""

from __future__ import annotations

import re
from pathlib import Path

# Page of each tutorial, and its script in examples/.
TUTORIALS = {
    "tutorial-soc.md": "soc_scheduling_tutorial.py",
    "tutorial-dram.md": "dram_tuning_tutorial.py",
    "tutorial-logic.md": "logic_synthesis_tutorial.py",
    "tutorial-codesign.md": "codesign_tutorial.py",
}


def tutorial_page(path: Path) -> str:
    """Turn a notebook-as-script into a page: ``# %% [markdown]`` cells are text, others code."""
    parts = re.split(r"^# %%(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = ""
    for kind, body in zip(parts[1::2], parts[2::2], strict=True):
        body = body.strip("\n")
        if "[markdown]" in kind:
            text += re.sub(r"^# ?", "", body, flags=re.MULTILINE) + "\n\n"
        elif body:
            body = re.sub(r"  # noqa.*$", "", body, flags=re.MULTILINE)
            text += f"```python\n{body}\n```\n\n"
    source = f"`examples/{path.name}`"
    return text + f"*This page is {source}: run it as a script, or cell by cell in an editor.*\n"
