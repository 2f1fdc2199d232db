"""The examples of one's own environment, agent, simulator, workload and package run as they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OWN = ROOT / "examples" / "own"
# Script, and words of what it prints.
SCRIPTS = {
    "own_environment.py": ["the environment keeps the contract"],
    "own_agent.py": ["least-slack", "best-neighbour"],
    "own_simulator.py": ["simulator: score", "own model: score"],
    "own_workload.py": ["page policy Closed", "ETF: mean latency"],
}
MOST_LINES = 100

ENTRY_POINTS = """
[chipgym.environments]
own = own_package:ENVIRONMENTS

[chipgym.agents]
fair-share = own_package:FairShare

[chipgym.searchers]
best-neighbour-2 = own_agent:BestNeighbour

[chipgym.algorithms]
own-trainer = own_trainer:train

[chipgym.suites]
own-cache = own_package:SUITE
"""

TRAINER = """
import json
from pathlib import Path
from types import SimpleNamespace
from own_package import FairShare

def train(make_envs, total_steps, seed, hyperparams=None, callback=None, evaluate=None,
          record_every=1):
    make_envs(2).close()
    callback({"steps": total_steps, "episodes": 0, **{
        f"evaluation/{name}": value for name, value in evaluate(FairShare()).items()}})
    policy = SimpleNamespace(save=lambda folder: (Path(folder) / "x.json").write_text("{}"))
    return SimpleNamespace(policy=policy, steps=total_steps)

def load_policy(folder):
    return FairShare()
"""


def python(*arguments: str, folder: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join([path, str(ROOT), *sys.path]))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_example_runs(script: str, tmp_path: Path) -> None:
    done = python(str(OWN / script), folder=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    for words in SCRIPTS[script]:
        assert words in done.stdout
    assert len((OWN / script).read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """A folder on the path in which the package of the example is installed."""
    site = tmp_path / "site"
    info = site / "own_package-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    for source in OWN.iterdir():
        if source.suffix in {".py", ".yaml"}:
            (site / source.name).write_bytes(source.read_bytes())
    (site / "own_trainer.py").write_text(TRAINER)
    return str(site)


def chipgym(*arguments: str, folder: Path, path: str) -> Any:
    done = python("-m", "chipgym.experiments.cli.main", *arguments, folder=folder, path=path)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_an_installed_package_adds_its_own(tmp_path: Path, installed: str) -> None:
    names = chipgym("list", "--json", folder=tmp_path, path=installed)
    assert "own/CachePartition-v1" in names["environments"]
    assert names["policies"][-1] == "fair-share"
    assert names["searchers"][-1] == "best-neighbour-2"
    assert names["algorithms"][-1] == "own-trainer"
    assert names["suites"]["own-cache"].startswith("Ways of a shared cache")
    found = chipgym(
        *("benchmark", "own-cache", "--executor", "serial", "--no-report", "--json"),
        folder=tmp_path,
        path=installed,
    )
    assert found["metrics"] == {"CachePartition-v1": "misses_per_kilo_instruction"}
    assert found["ranking"][0]["name"] == "fair share"
    trained = chipgym(
        *("train", "own/CachePartition-v1", "--agent", "own-trainer", "--steps", "5", "--json"),
        *("--out", "trained"),
        folder=tmp_path,
        path=installed,
    )
    assert trained["training_steps"] == 5
    evaluated = chipgym(
        *("evaluate", "own/CachePartition-v1", "--load", "trained", "--json"),
        folder=tmp_path,
        path=installed,
    )
    assert evaluated["mean"] > 0


def test_a_defective_package_keeps_nobody_from_working(tmp_path: Path, installed: str) -> None:
    points = Path(installed) / "own_package-1.0.dist-info" / "entry_points.txt"
    points.write_text(
        "[chipgym.environments]\nown = no_such_module:ENTRIES\n"
        "[chipgym.agents]\nbroken = own_package:Missing\n"
    )
    code = (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    import chipgym, gymnasium\n"
        "    gymnasium.make('chipgym/SocScheduling-v0')\n"
        "assert any('no_such_module' in str(w.message) for w in caught)\n"
        "from chipgym.agents.core.registry import make_policy\n"
        "from chipgym.simulators.core.plugins import PluginError\n"
        "try:\n    make_policy('broken')\n"
        "except PluginError as error:\n    print(error)\n"
    )
    done = python("-c", code, folder=tmp_path, path=installed)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "entry point 'broken' of group chipgym.agents" in done.stdout
