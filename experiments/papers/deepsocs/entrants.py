"""Who takes part in the study: one table from names to policies, forms and weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chipgym.experiments.policies import build_policy
from chipgym.simulators.core.errors import ChipGymError, UnknownNameError

__all__ = [
    "ABLATIONS",
    "ENTRANTS",
    "HEURISTICS",
    "LEARNED",
    "WEIGHTS",
    "Entrant",
    "MissingWeightsError",
    "content_of",
    "find_weights",
    "load_entrant",
    "trained",
]

WEIGHTS = Path(__file__).parent / "weights"
"""Trained weights, ``AGENT-SEED.EXT``, or ``AGENT-top-SEED.EXT`` for the 3-PE platform."""
Kind = Literal["heuristic", "static", "learned", "look-ahead"]
Form = Literal["simulator", "scheduling", "mapping", "ordering"]
SCHEDULER = "chipgym.agents.papers.scheduling.policy:load_scheduler"


class MissingWeightsError(ChipGymError):
    """An agent has not been trained."""

    def __init__(self, name: str, seed: int, folder: Path, command: str) -> None:
        super().__init__(f"no weights of {name} with seed {seed} in {folder}; train it: {command}")


@dataclass(frozen=True)
class Entrant:
    """One scheduler of the study.

    Attributes
    ----------
    name : str
        In tables, and of the files of weights.
    kind : {"heuristic", "static", "learned", "look-ahead"}
        Look-ahead entrants plan at decision time, from what is known then; the planner simulates.
    form : {"simulator", "scheduling", "mapping", "ordering"}
        Whether it runs inside the simulator, or in which environment.
    policy : str
        Name in the simulator, or what `build_policy` takes.
    argument : str
        Argument of the policy that takes the path of the weights; "": there are none.
    kwargs : dict
        Other arguments.
    shaped : bool
        Whether the policy takes ``num_slots`` and ``num_pes`` and then reads no problem views.
    of : str
        Agent of which this is a variant with less (or, `maskable-ppo-wait`, with the wait action
        that the agent does without); "": of none.
    """

    name: str
    kind: Kind
    form: Form
    policy: str
    argument: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)
    shaped: bool = False
    of: str = ""

    @property
    def command(self) -> str:
        """Command that trains it."""
        return f"python -m chipgym.experiments.papers.deepsocs.training {self.name}"


def _simulated(name: str, policy: str | None = None, kind: Kind = "heuristic") -> Entrant:
    return Entrant(name, kind, "simulator", policy or name)


def _scheduler(name: str, form: Form, of: str = "") -> Entrant:
    return Entrant(name, "learned", form, SCHEDULER, "folder", of=of)


def _maskable(name: str, of: str = "") -> Entrant:
    loader = "chipgym.agents.sb3.policy:load_policy"
    return Entrant(name, "learned", "scheduling", loader, "folder", of=of)


_ALL = (
    _simulated("ETF"),
    _simulated("EFT"),
    _simulated("HEFT_RT"),
    _simulated("CEDR_HEFT_RT"),
    _simulated("MET"),
    _simulated("STF"),
    _simulated("random"),
    _simulated("HEFT table", "table", "static"),
    _simulated("HEFT plan", "plan", "static"),
    _scheduler("deepsocs", "ordering"),
    _scheduler("socrates", "mapping"),
    _scheduler("scarl", "mapping"),
    _maskable("maskable-ppo"),
    Entrant(
        "learned-scheduler",
        "learned",
        "scheduling",
        "chipgym.agents.schedulers.learned:LearnedScheduler",
        "path",
        shaped=True,
    ),
    _simulated("late-binding", kind="look-ahead"),
    Entrant("rollout-planner", "look-ahead", "scheduling", "rollout-planner"),
    _scheduler("deepsocs-no-graph", "ordering", "deepsocs"),
    _scheduler("deepsocs-no-real-time", "ordering", "deepsocs"),
    _scheduler("socrates-no-mask", "mapping", "socrates"),
    _scheduler("socrates-no-real-time", "mapping", "socrates"),
    _scheduler("scarl-no-real-time", "mapping", "scarl"),
    _maskable("maskable-ppo-no-mask", "maskable-ppo"),
    _maskable("maskable-ppo-no-real-time", "maskable-ppo"),
    _maskable("maskable-ppo-wait", "maskable-ppo"),
)
ENTRANTS: dict[str, Entrant] = {entrant.name: entrant for entrant in _ALL}
"""Everybody by name."""
HEURISTICS = tuple(e.name for e in _ALL if e.form == "simulator")
LEARNED = tuple(e.name for e in _ALL if e.kind == "learned" and not e.of)
ABLATIONS = tuple(e.name for e in _ALL if e.of)


def find_weights(name: str, seed: int, domain: str = "", folder: Path = WEIGHTS) -> Path:
    """Return the weights of a trained agent, those of the domain if there are any.

    Parameters
    ----------
    name : str
    seed : int
        Training seed.
    domain : str
        Prefer weights that were trained for it.
    folder : path

    Raises
    ------
    MissingWeightsError
        There are none; the message says how to make them.
    """
    stems = [f"{name}-{domain}-{seed}"] * bool(domain) + [f"{name}-{seed}"]
    for stem in stems:
        found = [folder / stem, *sorted(folder.glob(f"{stem}.*"))]
        if any(path.exists() for path in found):
            return next(path for path in found if path.exists())
    raise MissingWeightsError(name, seed, folder, ENTRANTS[name].command)


def content_of(weights: Path) -> str:
    """Hash of a file of weights, or of all files of a folder."""
    files = [weights] if weights.is_file() else sorted(p for p in weights.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def load_entrant(name: str, weights: Path | None, shape: tuple[int, int]) -> Any:
    """Build an entrant's policy for decisions of `shape` slots and PEs."""
    entrant = ENTRANTS[name]
    arguments = dict(entrant.kwargs)
    if entrant.argument:
        arguments[entrant.argument] = weights
    if entrant.shaped:
        arguments["num_slots"], arguments["num_pes"] = shape
    return build_policy(entrant.policy, arguments)


def trained(name: str, seed: int = 0, folder: Path = WEIGHTS) -> Any:
    """Build a trained entrant by name, as suites name policies.

    Parameters
    ----------
    name : str
        Of `ENTRANTS`.
    seed : int
        Training seed.
    folder : path
        Of the weights.

    Raises
    ------
    UnknownNameError
        There is no such entrant.
    MissingWeightsError
        It has not been trained.
    """
    if name not in ENTRANTS:
        raise UnknownNameError("entrant", name, ENTRANTS)
    entrant = ENTRANTS[name]
    return build_policy(
        entrant.policy, {**entrant.kwargs, entrant.argument: find_weights(name, seed, "", folder)}
    )
