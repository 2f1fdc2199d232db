"""What an agent sees of a circuit and its recipe: declared fields of fixed size.

Counts of the circuit are relative to its start, and clipped at `CLIP` times it, so that circuits
of any size look alike. The graph itself is given by `graph.AigGraphObservation`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from chipgym.envs.core.fields import Column, Field, ObservationLayout
from chipgym.envs.logic_synthesis.episode import Episode
from chipgym.envs.logic_synthesis.reward import ratio
from chipgym.envs.logic_synthesis.task import Task
from chipgym.simulators.logic.profile import FANOUT_BINS, LEVEL_BINS

__all__ = ["build_layout", "observe"]

CLIP = 4.0
# The largest benchmark circuits have fewer than ten million nodes.
LOG_SCALE = math.log(1e7)

STATISTICS = (
    Column("nodes", "1", 0, CLIP, "AND nodes over those at the start"),
    Column("levels", "1", 0, CLIP, "Levels over those at the start"),
    Column("previous_nodes", "1", 0, CLIP, "AND nodes before the last command, likewise"),
    Column("previous_levels", "1", 0, CLIP, "Levels before the last command, likewise"),
    Column("start_nodes", "log / log 1e7", 0, 1, "AND nodes at the start"),
    Column("start_levels", "log / log 1e7", 0, 1, "Levels at the start"),
    Column("inputs", "log / log 1e7", 0, 1, "Inputs of the circuit"),
    Column("outputs", "log / log 1e7", 0, 1, "Outputs of the circuit"),
    Column("inverted_0", "1", 0, 1, "Share of the ANDs with no inverted fanin"),
    Column("inverted_1", "1", 0, 1, "Share of the ANDs with one inverted fanin"),
    Column("inverted_2", "1", 0, 1, "Share of the ANDs with two inverted fanins"),
    Column("mean_fanout", "n / (n + 4)", 0, 1, "Fan-out of inputs and ANDs, on average"),
    Column("max_fanout", "log / log 1e7", 0, 1, "Largest fan-out"),
)
MEASURED = (
    Column("known", "1", 0, 1, "The circuit has been mapped at this step"),
    Column("area", "1", 0, CLIP, "Area over that at the start; 0 if not known"),
    Column("delay", "1", 0, CLIP, "Delay over that at the start; 0 if not known"),
    Column("clock", "1", 0, CLIP, "Delay over the clock; 0 if not known or without a clock"),
)


def build_layout(task: Task) -> ObservationLayout:
    """Fields of an observation: T steps and A actions give ``recipe`` the shape (T, A)."""
    return ObservationLayout(
        (
            Field("statistics", (len(STATISTICS),), "", meaning="The circuit", columns=STATISTICS),
            Field("levels", (LEVEL_BINS,), "1", 0, 1, "Share of ANDs by level / depth"),
            Field(
                "fanouts",
                (FANOUT_BINS,),
                "1",
                0,
                1,
                "Share of inputs and ANDs by fan-out: 0 or 1, 2, up to 4, up to 8, …",
            ),
            Field(
                "recipe",
                (task.steps, task.num_actions),
                "1",
                0,
                1,
                "The recipe so far: row t has a 1 at the action of step t",
            ),
            Field("steps_left", (1,), "1", 0, 1, "Steps left over all steps"),
            Field(
                "measured",
                (len(MEASURED),),
                "",
                meaning="The last mapping, under objectives that map at each step",
                columns=MEASURED,
            ),
        )
    )


def _log(value: float) -> float:
    return min(math.log(max(value, 1.0)) / LOG_SCALE, 1.0)


def _relative(value: float, start: float) -> float:
    return min(ratio(value, start), CLIP)


def observe(episode: Episode, layout: ObservationLayout) -> npt.NDArray[np.float32]:
    """Return the observation of an episode, float32 of shape (size,)."""
    observation = layout.empty()
    parts = layout.split(observation)
    profile = episode.point.state.profile
    start, now, before = episode.marks[0], episode.marks[-1], episode.marks[-2:][0]
    parts["statistics"][:] = (
        _relative(now.nodes, start.nodes),
        _relative(now.levels, start.levels),
        _relative(before.nodes, start.nodes),
        _relative(before.levels, start.levels),
        _log(start.nodes),
        _log(start.levels),
        _log(profile.inputs),
        _log(profile.outputs),
        *profile.inverted,
        profile.mean_fanout / (profile.mean_fanout + 4.0),
        _log(profile.max_fanout),
    )
    parts["levels"][:] = profile.levels
    parts["fanouts"][:] = profile.fanouts
    recipe = parts["recipe"]
    for step, action in enumerate(episode.actions):
        recipe[step, action] = 1.0
    parts["steps_left"][0] = episode.steps_left / episode.task.steps
    mapping, initial = episode.point.mapping, episode.instance.baselines.initial.mapping
    if mapping is not None and initial is not None and episode.task.goal.each_step:
        clock_ps = episode.instance.baselines.clock_ps
        parts["measured"][:] = (
            1.0,
            _relative(mapping.area, initial.area),
            _relative(mapping.delay_ps, initial.delay_ps),
            min(mapping.delay_ps / clock_ps, CLIP),
        )
    return observation
