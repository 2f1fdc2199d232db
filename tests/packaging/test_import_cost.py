"""`import chipgym` is cheap, and still registers everything."""

import json
import subprocess
import sys
from typing import Any

import pytest

HEAVY = ["torch", "stable_baselines3", "pandas", "matplotlib", "ray", "numba", "scipy", "ortools"]


def run(code: str) -> Any:
    """Run code in a fresh process, and return what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_the_package_takes_less_than_a_fifth_of_a_second_of_cpu() -> None:
    code = """
import resource
def cpu_s():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
before = cpu_s()
import chipgym
print(cpu_s() - before)
"""
    # The least of several: other processes only ever add to it.
    assert min(run(code) for _ in range(5)) < 0.2


def test_importing_the_package_imports_nothing_heavy() -> None:
    loaded = run("import chipgym, json, sys; print(json.dumps(list(sys.modules)))")
    assert not set(HEAVY) & set(loaded)


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import chipgym.experiments.cli.main, json, sys; print(json.dumps(list(sys.modules)))"
    assert not set(HEAVY) & set(run(code))


@pytest.mark.parametrize(
    "order",
    [
        "import chipgym, gymnasium, pettingzoo",
        "import gymnasium, pettingzoo, chipgym",
        "import gymnasium, chipgym, pettingzoo",
        "import pettingzoo.utils.env, chipgym, gymnasium.spaces",
        "import chipgym, pettingzoo.utils.env, gymnasium.vector",
    ],
)
def test_ids_are_registered_in_either_order_of_imports(order: str) -> None:
    code = f"""
{order}
import json, gymnasium, pettingzoo
registries = [gymnasium.registry, pettingzoo.aec_registry, pettingzoo.parallel_registry]
print(json.dumps([[key for key in keys if key.startswith("chipgym/")] for keys in registries]))
"""
    single, turns, parallel = run(code)
    assert {"chipgym/SocScheduling-v0", "chipgym/SocTaskMapping-v0"} <= set(single)
    assert "chipgym/SocTaskOrdering-v0" in single
    assert "chipgym/SocScheduling-v0" in turns
    assert "chipgym/SocScheduling-v0" in parallel


def test_registered_entry_points_are_strings() -> None:
    code = """
import json, chipgym, gymnasium, sys
specs = [spec for key, spec in gymnasium.registry.items() if key.startswith("chipgym/")]
points = [point for spec in specs for point in (spec.entry_point, spec.vector_entry_point)]
print(json.dumps([[repr(point) for point in points if not isinstance(point, str | None)],
                  [name for name in sys.modules if name.startswith("chipgym.envs.soc")]]))
"""
    assert run(code) == [[], []]
