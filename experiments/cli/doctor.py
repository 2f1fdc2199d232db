"""`chipgym doctor`: what is installed, what is missing and how to get it, and compiled kernels."""

from __future__ import annotations

import platform
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import Annotated, Literal

import typer
from rich.table import Table

import chipgym
from chipgym.experiments.cli.output import output_console, print_json, status_console
from chipgym.simulators.core.kernel_cache import cache_base

__all__ = ["Check", "check_installation", "doctor"]

Status = Literal["ok", "missing", "problem"]
EXTRA_PURPOSES = {
    "search": "search agents",
    "exact": "proven optima with CP-SAT",
    "distributed": "runs on a cluster with Ray",
    "tracking": "experiment trackers",
    "plots": "rendering and figures",
    "data": "data sets of runs",
    "images": "images of packages, to train networks on",
    "zigzag": "the ZigZag cost model",
    "onnx": "import of ONNX networks",
}
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes
    ----------
    name : str
    status : {"ok", "missing", "problem"}
        ``missing``: an optional part is not there; ``problem``: ChipGym does not work like this.
    found : str
        What was found.
    advice : str
        What to do about it; empty where nothing is to be done.
    """

    name: str
    status: Status
    found: str
    advice: str = ""


def doctor(
    warm_up: Annotated[
        bool, typer.Option("--warm-up", help="Compile all kernels now, so that no run waits.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the installation; exit status 1 if something that ChipGym needs does not work."""
    checks = check_installation()
    if warm_up and not any(check.status == "problem" for check in checks):
        checks.append(_warm_up())
    healthy = not any(check.status == "problem" for check in checks)
    if as_json:
        print_json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    else:
        console = output_console()
        console.print(_table(checks))
        console.print("ChipGym is ready." if healthy else "ChipGym is not ready: see above.")
    if not healthy:
        raise typer.Exit(1)


def check_installation() -> list[Check]:
    """Look at Python, the libraries, the kernel cache, the ids and the optional extras."""
    core, extras = _requirements()
    checks = [_check_python()]
    if not core:
        found = "imported from a folder: required versions are unknown"
        checks.append(Check("chipgym", "missing", found, "pip install -e ."))
    checks += [_check_library(name, lowest) for name, lowest in core.items()]
    checks += [_check_kernel_cache(), _check_registration(), _check_abc()]
    return checks + [_check_extra(extra, names) for extra, names in extras.items() if names]


def _requirements() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the lowest version of each core library, and the libraries of each extra."""
    core: dict[str, str] = {}
    extras: dict[str, list[str]] = {extra: [] for extra in EXTRA_PURPOSES}
    try:
        lines = requires("chipgym") or []
    except PackageNotFoundError:
        lines = []
    for line in lines:
        requirement, _, marker = line.partition(";")
        name, _, lowest = requirement.partition(">=")
        extra = marker.partition("==")[2].strip(" '\"")
        if not marker:
            core[name.strip()] = lowest.strip()
        elif extra in extras:
            extras[extra].append(name.strip())
    return core, extras


def _check_python() -> Check:
    text = f"{platform.python_version()} ({platform.python_implementation()}) on {sys.platform}"
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", "problem", text, "use Python >= 3.11")
    return Check("python", "ok", text)


def _check_library(name: str, lowest: str) -> Check:
    advice = f"pip install '{name}>={lowest}'"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Check(name, "problem", "not installed", advice)
    if _release(found) < _release(lowest):
        return Check(name, "problem", f"{found}, needs >= {lowest}", advice)
    return Check(name, "ok", found)


def _release(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: "2.13.0+cpu" -> (2, 13, 0)."""
    numbers = []
    for part in text.split("+")[0].split("."):
        digits = "".join(char for char in part if char.isdigit())
        if not part[:1].isdigit():
            break
        numbers.append(int(digits))
    return tuple(numbers)


def _check_kernel_cache() -> Check:
    folder = cache_base()
    if folder is not None:
        return Check("kernel cache", "ok", str(folder))
    advice = "set NUMBA_CACHE_DIR to a folder that can be written"
    return Check("kernel cache", "missing", "no writable folder: every process compiles", advice)


def _check_registration() -> Check:
    try:
        import gymnasium
        import pettingzoo
    except ImportError as error:
        return Check("environments", "problem", str(error), "pip install gymnasium pettingzoo")
    single = [name for name in gymnasium.registry if name.startswith("chipgym/")]
    multi = [name for name in pettingzoo.parallel_registry if name.startswith("chipgym/")]
    found = f"{len(single)} Gymnasium ids, {len(multi)} PettingZoo ids"
    if not single:
        return Check("environments", "problem", found, "pip install --force-reinstall chipgym")
    return Check("environments", "ok", found)


def _check_abc() -> Check:
    """Start the ABC behind the logic-synthesis environments."""
    try:
        from chipgym.simulators.core.errors import ChipGymError
        from chipgym.simulators.logic.locate import find_abc
        from chipgym.simulators.logic.session import AbcSession
    except ImportError as error:
        return Check("ABC", "problem", str(error), "pip install --force-reinstall chipgym")
    advice = "pip install pyosys, or the path of a yosys-abc in CHIPGYM_ABC"
    try:
        executable = find_abc()
        with AbcSession(executable.path, cache=None) as session:
            return Check("ABC", "ok", f"{session.identity}, {executable.path}")
    except ChipGymError as error:
        return Check("ABC", "missing", str(error), advice)


def _check_extra(extra: str, libraries: list[str]) -> Check:
    name = f"[{extra}]"
    absent = [library for library in libraries if not _installed(library)]
    purpose = EXTRA_PURPOSES[extra]
    if not absent:
        return Check(name, "ok", f"{purpose}: {', '.join(libraries)}")
    found = f"{purpose}: without {', '.join(absent)}"
    return Check(name, "missing", found, f"pip install 'chipgym[{extra}]'")


def _installed(library: str) -> bool:
    try:
        metadata(library)
    except PackageNotFoundError:
        return False
    return True


def _table(checks: list[Check]) -> Table:
    colours = {"ok": "green", "missing": "yellow", "problem": "red"}
    table = Table(title=f"ChipGym {chipgym.__version__}", title_justify="left")
    for column in ("what", "state", "found", "to get it"):
        table.add_column(column, overflow="fold")
    for check in checks:
        state = f"[{colours[check.status]}]{check.status}[/]"
        # Square brackets in names and advice are extras, not markup.
        cells = (text.replace("[", "\\[") for text in (check.found, check.advice))
        table.add_row(check.name.replace("[", "\\["), state, *cells)
    return table


def _warm_up() -> Check:
    """Compile every kernel by using it once through the public interfaces."""
    from chipgym.experiments.warm_up import STEPS

    console = status_console()
    begin = time.perf_counter()
    for text, action in STEPS.items():
        started = time.perf_counter()
        action()
        if console.is_terminal:
            console.print(f"{text}: {time.perf_counter() - started:.1f} s", highlight=False)
    return Check("kernels", "ok", f"compiled or loaded in {time.perf_counter() - begin:.1f} s")
