"""The menu of studies that `chipgym reproduce` knows."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from chipgym.simulators.core.errors import UnknownNameError

__all__ = ["STUDIES", "Report", "Run", "Study", "find_study"]

Report = Callable[[str, int, int], None]
"""Told what is being done, how many parts of it are finished, and how many there are."""


class Run(Protocol):
    """Does a study and writes its tables, figures and raw records into a folder.

    Whatever the folder holds already is not done again. Returns the summary that it writes as
    ``summary.json``.
    """

    def __call__(self, out: Path, *, quick: bool, workers: int, report: Report) -> dict[str, Any]:
        """Do the study."""
        ...


@dataclass(frozen=True)
class Study:
    """One study.

    Attributes
    ----------
    module : str
        Module with the function ``run``, see `Run`.
    title : str
    extra : str
        Optional dependency group that it needs; "" for none.
    """

    module: str
    title: str
    extra: str = ""

    @property
    def run(self) -> Run:
        """Its function, imported now."""
        return cast(Run, importlib.import_module(self.module).run)


STUDIES = {
    "abc-rl": Study(
        "chipgym.experiments.papers.abc_rl.study",
        "ABC-RL, its ablations and other methods on logic-synthesis recipes",
    ),
    "archgym-lottery": Study(
        "chipgym.experiments.papers.archgym_lottery.study",
        "Search algorithms over their hyperparameters, regret against the exact optimum",
        "search",
    ),
    "archgym-proxy": Study(
        "chipgym.experiments.papers.archgym_proxy.study",
        "Cost models trained on the logs of searches, and what their diversity is worth",
        "data",
    ),
    "deepsocs": Study(
        "chipgym.experiments.papers.deepsocs.study",
        "DeepSoCS, SoCRATES and other schedulers over rate, noise, applications and platform",
        "exact",
    ),
    "dram-exhaustive": Study(
        "chipgym.experiments.papers.dram_exhaustive.study",
        "All 442,368 designs of ArchGym's DRAM space on its four workloads",
    ),
    "marl-dram": Study(
        "chipgym.experiments.papers.marl_dram.study",
        "One agent a knob against one agent for all knobs and against search",
    ),
    "nasaic": Study(
        "chipgym.experiments.papers.nasaic.study",
        "Networks and accelerators together or one after the other, at equal budgets",
        "search",
    ),
}
"""Studies by the name that `chipgym reproduce` takes."""


def find_study(name: str) -> Study:
    """Return a study by name.

    Raises
    ------
    UnknownNameError
        There is no such study; the nearest name is suggested.
    """
    if name not in STUDIES:
        raise UnknownNameError("study", name, STUDIES)
    return STUDIES[name]


if __name__ == "__main__":  # for shells
    print(*STUDIES, sep="\n")
