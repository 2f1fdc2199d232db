"""The tutorials run as scripts, and become pages."""

from __future__ import annotations

import os
import re
import resource
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chipgym.simulators.logic.errors import AbcNotFoundError
from chipgym.simulators.logic.locate import find_abc

ROOT = Path(__file__).parents[2]
# Script of each tutorial, and a word of what it prints.
TUTORIALS = {
    "soc_scheduling_tutorial.py": "ETF",
    "dram_tuning_tutorial.py": "simulated-annealing",
    "logic_synthesis_tutorial.py": "resyn2",
    "codesign_tutorial.py": "regularised-evolution",
}


@pytest.mark.slow
@pytest.mark.parametrize("script", TUTORIALS)
def test_the_tutorial_runs(script: str, tmp_path: Path) -> None:
    if "logic" in script:
        require_abc()
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path]))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script)],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert TUTORIALS[script] in done.stdout
    # Processor time, because other tests may run beside this one.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 60


def require_abc() -> None:
    """Skip where ABC is not installed."""
    try:
        find_abc()
    except AbcNotFoundError as error:
        pytest.skip(f"no ABC: {error}")


def generate() -> dict[str, Any]:
    """Load the generator of pages, which is no module."""
    return runpy.run_path(str(ROOT / "docs" / "generate.py"), run_name="generate")


def test_tutorials_become_pages() -> None:
    namespace = generate()
    assert set(namespace["TUTORIALS"].values()) == set(TUTORIALS)
    made = {name for name, _ in namespace["pages"]()}
    for script in TUTORIALS:
        page = namespace["tutorial_page"](ROOT / "examples" / script)
        assert page.startswith("# ")
        assert page.count("```python") == page.count("```") / 2
        assert "# %%" not in page
        for link in re.findall(r"\]\(([^)#]+\.md)[^)]*\)", page):
            assert (ROOT / "docs" / link).is_file() or link in made, link


def test_pages_are_made_from_the_code() -> None:
    pages = dict(generate()["pages"]())
    assert {"environments/index.md", "environments/soc-scheduling.md", "tutorial-soc.md"} <= set(
        pages
    )
    page = pages["environments/soc-scheduling.md"]
    for expected in ("`six-app-mid`", "`pairs`", "## Rewards", "gymnasium.make("):
        assert expected in page, expected
