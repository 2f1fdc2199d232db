"""The typed view of a window's decision that policies read."""

from __future__ import annotations

from dataclasses import dataclass

from chipgym.envs.dram_tuning.runtime_knobs import (
    DEFAULT_CHOICE,
    PRESETS,
    RUNTIME_KNOBS,
)
from chipgym.envs.dram_tuning.runtime_session import RuntimeSession
from chipgym.simulators.dram.runtime import Progress

__all__ = ["RuntimeProblem", "view_problem"]


@dataclass(frozen=True, eq=False)
class RuntimeProblem:
    """The decision before a window.

    Attributes
    ----------
    action_sizes : tuple of int
        Options of each choice that an action makes; one choice in the form ``presets``.
    default_action : tuple of int
        The action that keeps the default controller.
    options : dict of str to tuple of str
        Labels of the options of each knob.
    settings : dict of str to str
        Present option of each knob.
    progress : Progress
        What is known of the run.
    num_requests : int
        Requests of the episode.
    """

    action_sizes: tuple[int, ...]
    default_action: tuple[int, ...]
    options: dict[str, tuple[str, ...]]
    settings: dict[str, str]
    progress: Progress
    num_requests: int


def view_problem(session: RuntimeSession, *, presets: bool) -> RuntimeProblem:
    """Return the present decision of a session."""
    labels = {knob.name: knob.labels for knob in RUNTIME_KNOBS}
    present = zip(RUNTIME_KNOBS, session.choice, strict=True)
    return RuntimeProblem(
        action_sizes=(len(PRESETS),) if presets else tuple(len(knob) for knob in RUNTIME_KNOBS),
        default_action=(list(PRESETS).index("default"),) if presets else DEFAULT_CHOICE,
        options=labels,
        settings={knob.name: knob.labels[option] for knob, option in present},
        progress=session.now,
        num_requests=len(session.instance.workload.trace),
    )
