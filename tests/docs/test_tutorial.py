"""The tutorial runs as a script, and becomes a page."""

from __future__ import annotations

import os
import resource
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "examples" / "soc_scheduling_tutorial.py"


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path) -> None:
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path]))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, str(TUTORIAL)],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ETF" in done.stdout
    # Processor time, because other tests may run beside this one.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 60


def test_pages_are_made_from_the_code() -> None:
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"), run_name="generate")
    pages = dict(generate["pages"]())
    assert {"environments/index.md", "environments/soc-scheduling.md", "tutorial.md"} <= set(pages)
    page = pages["environments/soc-scheduling.md"]
    for expected in ("`six-app-mid`", "`pairs`", "## Rewards", "gymnasium.make("):
        assert expected in page, expected
    tutorial = pages["tutorial.md"]
    assert tutorial.startswith("# ")
    assert tutorial.count("```python") == tutorial.count("```") / 2
