"""Who may import whom: simulators <- envs <- experiments -> agents, and leaderboards by records."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDERS = ("simulators", "envs", "agents", "experiments", "leaderboards")
# Small tools without a model in them, for everybody.
SHARED = tuple(
    f"chipgym.simulators.core.{name}"
    for name in ("description", "errors", "files", "hashing", "numba", "plugins")
)


@dataclass(frozen=True)
class Rule:
    """What the modules of a folder may import; lazy: inside a function or for types only."""

    internal: tuple[str, ...]
    external: tuple[str, ...]
    lazy_internal: tuple[str, ...] = ()
    lazy_external: tuple[str, ...] = ()


RULES = {
    "simulators": Rule(
        internal=("simulators",),
        external=("numpy", "numba", "pydantic"),
        lazy_external=("ortools", "onnx", "torch", "zigzag"),
    ),
    "envs": Rule(
        internal=("envs", "simulators"),
        external=("numpy", "numba", "pydantic", "gymnasium", "pettingzoo"),
        lazy_external=("matplotlib", "PIL", "stable_baselines3", "pytest"),
    ),
    # An accuracy is what training gives: this provider trains.
    "envs/accuracy": Rule(
        internal=("envs", "simulators"),
        external=("numpy", "pydantic", "torch"),
        lazy_external=("sklearn", "PIL"),
    ),
    "agents": Rule(
        internal=("agents",),
        external=(
            "numpy",
            "pydantic",
            "yaml",
            "gymnasium",
            "torch",
            "safetensors",
            "stable_baselines3",
            "sb3_contrib",
        ),
        lazy_external=("optuna", "cmaes"),
    ),
    "experiments": Rule(
        internal=FOLDERS,
        external=("numpy", "pydantic", "yaml", "typer", "click", "rich", "gymnasium", "pettingzoo"),
        lazy_external=(
            "torch",
            "numba",
            "stable_baselines3",
            "sb3_contrib",
            "matplotlib",
            "ray",
            "optuna",
            "wandb",
            "mlflow",
            "pyarrow",
            "minari",
            "sklearn",
            "optuna",
            "mlflow",
            "wandb",
        ),
    ),
    # What runs networks step by step is itself loaded only when a study runs.
    "experiments/networks": Rule(
        internal=FOLDERS,
        external=("numpy", "gymnasium", "torch", "stable_baselines3"),
    ),
    # Verification reads the simulators' descriptions, and re-simulates through the rest.
    "leaderboards": Rule(
        internal=("leaderboards", "simulators"),
        external=("numpy", "pydantic", "yaml"),
        lazy_internal=("experiments", "envs"),
    ),
    # Ranking and the site read result records and nothing else.
    "leaderboards/records": Rule(
        internal=("leaderboards",),
        external=("numpy", "pydantic", "yaml", "jinja2"),
        lazy_internal=("experiments",),
    ),
}
NETWORKS = ("papers/deepsocs/steady.py", "papers/nasaic/ppo.py")
RECORDS_ONLY = ("schema", "ranking", "site")


@dataclass(frozen=True)
class Import:
    """One imported module, where it stands, and whether importing the file imports it."""

    module: str
    line: int
    lazy: bool


def imports(node: ast.AST, lazy: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for name in child.names:
                yield Import(name.name, child.lineno, lazy)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"relative import in line {child.lineno}"
            assert child.module is not None
            if child.module in ("chipgym", "chipgym.simulators", "chipgym.simulators.core"):
                for name in child.names:
                    yield Import(f"{child.module}.{name.name}", child.lineno, lazy)
            else:
                yield Import(child.module, child.lineno, lazy)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from imports(child, True)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports(child, lazy or function)


def rule_of(folder: str, path: Path) -> Rule:
    if folder == "envs" and path.parts[:2] == ("codesign", "accuracy"):
        return RULES["envs/accuracy"]
    if folder == "experiments" and path.as_posix() in NETWORKS:
        return RULES["experiments/networks"]
    records_only = path.parts[0] == "site" or path.stem in RECORDS_ONLY
    return RULES[f"{folder}/records" if folder == "leaderboards" and records_only else folder]


def violation(rule: Rule, item: Import) -> bool:
    first, *rest = item.module.split(".")
    if first == "chipgym":
        allowed = rule.internal + (rule.lazy_internal if item.lazy else ())
        shared = any((item.module + ".").startswith(name + ".") for name in SHARED)
        return not (shared or not rest or rest[0] in allowed or rest[0].startswith("__"))
    allowed = rule.external + (rule.lazy_external if item.lazy else ())
    return first not in sys.stdlib_module_names and first not in allowed


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_follow_the_rule(repository: Path, folder: str) -> None:
    files = sorted((repository / folder).rglob("*.py"))
    assert files
    broken = [
        f"{path.relative_to(repository)}:{item.line} imports {item.module}"
        for path in files
        for item in imports(ast.parse(path.read_text()))
        if violation(rule_of(folder, path.relative_to(repository / folder)), item)
    ]
    assert not broken, "\n".join(broken)


def test_nothing_imports_the_folders_by_their_bare_names(repository: Path) -> None:
    files = [
        path
        for folder in (*FOLDERS, "tests", "docs")
        for path in (repository / folder).rglob("*.py")
    ]
    broken = [
        f"{path.relative_to(repository)}:{item.line} imports {item.module}"
        for path in files
        for item in imports(ast.parse(path.read_text()))
        if item.module.split(".")[0] in FOLDERS
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("folder", "source", "broken"),
    [
        ("simulators", "import numpy.typing", False),
        ("simulators", "import torch", True),
        ("simulators", "from chipgym.envs import registration", True),
        ("simulators", "def f():\n    import torch", False),
        ("simulators", "def f():\n    from ortools.sat.python import cp_model", False),
        ("agents", "from chipgym.simulators.core.errors import InvalidValueError", False),
        ("agents", "from chipgym.simulators.core import errors", False),
        ("agents", "from chipgym.simulators.core.random import mix64", True),
        ("agents", "def f():\n    from chipgym.envs.core import fields", True),
        ("leaderboards", "from chipgym.envs import registration", True),
        ("leaderboards", "def f():\n    from chipgym.envs import registration", False),
        ("leaderboards/records", "def f():\n    import chipgym.envs", True),
        ("experiments", "import torch", True),
        ("experiments", "if TYPE_CHECKING:\n    import torch", False),
    ],
)
def test_the_rule_itself(folder: str, source: str, broken: bool) -> None:
    found = [violation(RULES[folder], item) for item in imports(ast.parse(source))]
    assert any(found) is broken
