"""The decision at hand, as agents see it: a typed, frozen view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from chipgym.envs.logic_synthesis.episode import Episode
from chipgym.simulators.logic.aiger import Aig, decode

__all__ = ["LogicProblem", "view_problem"]


@dataclass(frozen=True)
class LogicProblem:
    """A recipe in the making.

    Attributes
    ----------
    circuit : str
        Name of the circuit.
    objective : str
    commands : tuple of str
        ABC commands by action; where there is a stop action, it is the next number.
    stop_action : int
        Action that ends the recipe, -1 where there is none.
    num_steps, steps_left : int
        Commands of a recipe at most, and commands that may still follow.
    recipe : tuple of int
        Actions so far.
    inputs, outputs : int
        Of the circuit.
    nodes, levels : int
        The circuit now.
    initial_nodes, initial_levels : int
        The circuit as given.
    resyn2_nodes, resyn2_levels : int
        The circuit after resyn2.
    area, delay_ps : float
        Of the circuit now, nan where the objective does not measure each step.
    body : bytes
        The circuit now, as AIGER.
    initial_body : bytes
        The circuit as given.
    """

    circuit: str
    objective: str
    commands: tuple[str, ...]
    stop_action: int
    num_steps: int
    steps_left: int
    recipe: tuple[int, ...]
    inputs: int
    outputs: int
    nodes: int
    levels: int
    initial_nodes: int
    initial_levels: int
    resyn2_nodes: int
    resyn2_levels: int
    area: float
    delay_ps: float
    body: bytes
    initial_body: bytes

    @property
    def num_actions(self) -> int:
        """Actions of a step."""
        return len(self.commands) + (self.stop_action >= 0)

    def encode(self, command: str) -> int:
        """Return the action of a command, -1 where it is not among the commands."""
        return self.commands.index(command) if command in self.commands else -1

    @cached_property
    def aig(self) -> Aig:
        """The circuit now, as arrays."""
        return decode(self.body, self.circuit)

    @cached_property
    def initial_aig(self) -> Aig:
        """The circuit as given, as arrays."""
        return decode(self.initial_body, self.circuit)


def view_problem(episode: Episode) -> LogicProblem:
    """Return the present decision of an episode."""
    task, baselines = episode.task, episode.instance.baselines
    state, mark = episode.point.state, episode.marks[-1]
    return LogicProblem(
        circuit=episode.instance.name,
        objective=task.objective,
        commands=task.commands,
        stop_action=task.stop_action,
        num_steps=task.steps,
        steps_left=episode.steps_left,
        recipe=tuple(episode.actions),
        inputs=state.profile.inputs,
        outputs=state.profile.outputs,
        nodes=state.nodes,
        levels=state.levels,
        initial_nodes=baselines.initial.nodes,
        initial_levels=baselines.initial.levels,
        resyn2_nodes=baselines.resyn2.nodes,
        resyn2_levels=baselines.resyn2.levels,
        area=mark.area,
        delay_ps=mark.delay_ps,
        body=state.body,
        initial_body=baselines.initial.state.body,
    )
