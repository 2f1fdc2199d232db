"""`chipgym doctor`: what is installed, what is missing and how to get it, and compiled kernels.

Checked are Python, the libraries with their lowest versions, the folder of compiled kernels, cores,
memory and disk, the environments' ids, ABC, and each extra.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
import tomllib
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

import chipgym
from chipgym.experiments.cli.output import output_console, print_json, status_console
from chipgym.simulators.core.kernel_cache import cache_base

__all__ = ["Check", "check_installation", "doctor"]

Status = Literal["ok", "low", "missing", "problem"]
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
    "docs": "this documentation as a site",
    "dev": "tests, linters and packaging",
}
GIB = 2**30
LEAST_MEMORY_GIB, LEAST_DISK_GIB = 2.0, 2.0
"""What two worker processes with PyTorch need, and what a published suite writes."""
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes
    ----------
    name : str
    status : {"ok", "low", "missing", "problem"}
        ``low``: little is left of a resource; ``missing``: an optional part is not there;
        ``problem``: ChipGym does not work like this.
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
    checks += [_check_kernel_cache(), _check_cores(), _check_memory(), _check_disk()]
    checks += [_check_registration(), _check_abc()]
    return checks + [_check_extra(extra, names) for extra, names in extras.items() if names]


def _requirements() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return the lowest version of each core library, and the same of each extra."""
    core: dict[str, str] = {}
    extras: dict[str, dict[str, str]] = {extra: {} for extra in EXTRA_PURPOSES}
    for line in _requirement_lines():
        requirement, _, marker = line.partition(";")
        name, _, lowest = requirement.partition(">=")
        name = name.partition("[")[0].strip()
        extra = marker.partition("==")[2].strip(" '\"")
        if not marker:
            core[name] = lowest.strip()
        elif extra in extras and name != "chipgym":
            extras[extra][name] = lowest.strip()
    return core, extras


def _requirement_lines() -> list[str]:
    """Return what the installed package asks for, or else the project file of a checkout."""
    try:
        lines = requires("chipgym")
    except PackageNotFoundError:
        lines = None
    project = Path(chipgym.__file__).resolve().parents[1] / "pyproject.toml"
    if lines is not None or not project.is_file():
        return lines or []
    document = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = document["optional-dependencies"]
    optional = [f"{line}; extra == '{extra}'" for extra in extras for line in extras[extra]]
    return [*document["dependencies"], *optional]


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


def _check_cores() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check("cores", "ok", f"{usable} usable of {os.cpu_count()}")


def _check_memory() -> Check:
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        free, size = (os.sysconf(name) * page for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"))
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        known = dict(line.split(":", 1) for line in lines)
        free = int(known["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError, AttributeError):
        return Check("memory", "ok", "free memory is not known on this system")
    found = f"{free / GIB:.1f} GiB free of {size / GIB:.1f} GiB"
    if free < LEAST_MEMORY_GIB * GIB:
        return Check("memory", "low", found, "end other programs, or use --workers 1")
    return Check("memory", "ok", found)


def _check_disk() -> Check:
    """Look where runs are written by default: below the working directory."""
    try:
        usage = shutil.disk_usage(Path.cwd())
    except OSError as error:
        return Check("disk", "low", str(error), "change to a folder that exists")
    found = f"{usage.free / GIB:.1f} GiB free in {Path.cwd()}"
    if usage.free < LEAST_DISK_GIB * GIB:
        return Check("disk", "low", found, "name a folder on a larger disk with --out")
    return Check("disk", "ok", found)


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


def _check_extra(extra: str, libraries: dict[str, str]) -> Check:
    found, lacking = [], []
    for library, lowest in libraries.items():
        check = _check_library(library, lowest)
        if check.status == "ok":
            found.append(f"{library} {check.found}")
        elif check.found == "not installed":
            lacking.append(library)
        else:
            lacking.append(f"{library} >= {lowest} ({check.found.partition(',')[0]} is here)")
    name, text = f"[{extra}]", EXTRA_PURPOSES[extra]
    if lacking:
        advice = f"pip install 'chipgym[{extra}]'"
        return Check(name, "missing", f"{text}: without {', '.join(lacking)}", advice)
    return Check(name, "ok", f"{text}: {', '.join(found)}")


def _table(checks: list[Check]) -> Table:
    colours = {"ok": "green", "low": "yellow", "missing": "yellow", "problem": "red"}
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
