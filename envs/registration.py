"""Every environment id, in one table."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["ENVIRONMENTS", "EnvironmentEntry", "added_environments", "register_all"]

GROUP = "chipgym.environments"

SOC = "chipgym.envs.soc_scheduling"
DRAM = "chipgym.envs.dram_tuning"
LOGIC = "chipgym.envs.logic_synthesis"
CODESIGN = "chipgym.envs.codesign"


@dataclass(frozen=True)
class EnvironmentEntry:
    """An environment id and where its forms are.

    Attributes
    ----------
    id : str
        Gymnasium id.
    entry_point, vector_entry_point : str
        Scalar and native vector form; of another package's the latter may be None.
    multi_agent : str or None
        Module with `parallel_env` and `env`, registered with PettingZoo under the same id.
    summary : str
        One line.
    presets, simulator : str
        Of another package's environments: module with ``SCENARIOS``, a mapping from names to
        objects with a ``description``, and module with ``SIMULATOR_VERSION``; "" if there is none.
    """

    id: str
    entry_point: str
    vector_entry_point: str | None
    multi_agent: str | None
    summary: str
    presets: str = ""
    simulator: str = ""


ENVIRONMENTS: tuple[EnvironmentEntry, ...] = (
    EnvironmentEntry(
        "chipgym/SocScheduling-v0",
        f"{SOC}.env:SocSchedulingEnv",
        f"{SOC}.vector_env:SocSchedulingVectorEnv",
        f"{SOC}.multi_agent",
        "masked choice of (ready task, PE) or wait; job latency",
    ),
    EnvironmentEntry(
        "chipgym/SocTaskMapping-v0",
        f"{SOC}.env:SocTaskMappingEnv",
        f"{SOC}.vector_env:SocTaskMappingVectorEnv",
        None,
        "first-in first-out task to PE (SoCRATES form)",
    ),
    EnvironmentEntry(
        "chipgym/SocTaskOrdering-v0",
        f"{SOC}.env:SocTaskOrderingEnv",
        f"{SOC}.vector_env:SocTaskOrderingVectorEnv",
        None,
        "task order, PE by earliest finish (DeepSoCS form)",
    ),
    EnvironmentEntry(
        "chipgym/DramDesign-v0",
        f"{DRAM}.env:DramDesignEnv",
        f"{DRAM}.vector_env:DramDesignVectorEnv",
        None,
        "all knobs of a memory controller at once (ArchGym form)",
    ),
    EnvironmentEntry(
        "chipgym/DramTuning-v0",
        f"{DRAM}.env:DramTuningEnv",
        f"{DRAM}.vector_env:DramTuningVectorEnv",
        f"{DRAM}.multi_agent",
        "edits of a memory controller's knobs under a budget of evaluations",
    ),
    EnvironmentEntry(
        "chipgym/DramRuntime-v0",
        f"{DRAM}.runtime_env:DramRuntimeEnv",
        f"{DRAM}.runtime_vector_env:DramRuntimeVectorEnv",
        f"{DRAM}.runtime_multi_agent",
        "new settings of a running memory controller before each window",
    ),
    EnvironmentEntry(
        "chipgym/DramCommand-v0",
        f"{DRAM}.command_env:DramCommandEnv",
        f"{DRAM}.command_vector_env:DramCommandVectorEnv",
        None,
        "choose each DRAM command (Ipek form)",
    ),
    EnvironmentEntry(
        "chipgym/LogicSynthesis-v0",
        f"{LOGIC}.env:LogicSynthesisEnv",
        f"{LOGIC}.vector_env:LogicSynthesisVectorEnv",
        f"{LOGIC}.multi_agent",
        "a recipe of ABC commands, one at a time; area-delay product",
    ),
    EnvironmentEntry(
        "chipgym/LogicRecipe-v0",
        f"{LOGIC}.env:LogicRecipeEnv",
        f"{LOGIC}.vector_env:LogicRecipeVectorEnv",
        None,
        "a whole recipe of ABC commands at once (BOiLS form)",
    ),
    EnvironmentEntry(
        "chipgym/CoDesign-v0",
        f"{CODESIGN}.env:CoDesignEnv",
        f"{CODESIGN}.vector_env:CoDesignVectorEnv",
        f"{CODESIGN}.multi_agent",
        "networks and their chip, token by token (NASAIC form)",
    ),
    EnvironmentEntry(
        "chipgym/CoDesignOneShot-v0",
        f"{CODESIGN}.env:CoDesignOneShotEnv",
        f"{CODESIGN}.vector_env:CoDesignOneShotVectorEnv",
        None,
        "networks and their chip, the whole design at once",
    ),
    EnvironmentEntry(
        "chipgym/CoDesignRefine-v0",
        f"{CODESIGN}.refine_env:CoDesignRefineEnv",
        f"{CODESIGN}.vector_env:CoDesignRefineVectorEnv",
        None,
        "edits of networks and chip under a budget of trainings",
    ),
)


def added_environments() -> tuple[EnvironmentEntry, ...]:
    """Environments that other packages add by entry points of the group ``chipgym.environments``.

    What cannot be loaded, or takes an id of ChipGym, is left out with a warning: one defective
    package must not keep the others from working.
    """
    from chipgym.simulators.core.plugins import PluginError, load_plugin, plugin_values

    own = {entry.id for entry in ENVIRONMENTS}
    found: list[EnvironmentEntry] = []
    for name, value in plugin_values(GROUP).items():
        try:
            entries = tuple(load_plugin(GROUP, name))
            if not all(isinstance(entry, EnvironmentEntry) for entry in entries):
                raise PluginError(GROUP, name, value, "not a sequence of EnvironmentEntry")
            taken = sorted(own & {entry.id for entry in entries})
            if taken:
                raise PluginError(GROUP, name, value, f"the id {taken[0]!r} is ChipGym's")
        except (PluginError, TypeError) as error:
            warnings.warn(f"{name}: {error}", RuntimeWarning, stacklevel=2)
            continue
        found += entries
    return tuple(found)


def _register_gymnasium() -> None:
    import gymnasium

    for entry in (*ENVIRONMENTS, *added_environments()):
        gymnasium.register(
            entry.id, entry_point=entry.entry_point, vector_entry_point=entry.vector_entry_point
        )


def _register_pettingzoo() -> None:
    import pettingzoo

    for entry in (*ENVIRONMENTS, *added_environments()):
        if entry.multi_agent is not None:
            parallel, turns = f"{entry.multi_agent}:parallel_env", f"{entry.multi_agent}:env"
            pettingzoo.register("parallel", entry.id, entry_point=parallel)
            pettingzoo.register("aec", entry.id, entry_point=turns)


class _AfterImport(MetaPathFinder):
    """Runs an action right after a library is first imported.

    Registering needs Gymnasium and PettingZoo, whose import costs 0.1 to 0.3 s of CPU. Whoever
    imports only `chipgym` should not pay for it, so the ids are registered when they come.
    """

    def __init__(self, actions: dict[str, Callable[[], None]]) -> None:
        self._actions = actions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._actions:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                action = self._actions.pop(fullname, None)
                if action is not None:
                    action()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def register_all() -> None:
    """Register every id, now where the library is loaded, else at the moment that it is."""
    actions = {"gymnasium": _register_gymnasium, "pettingzoo": _register_pettingzoo}
    for name in [name for name in actions if name in sys.modules]:
        actions.pop(name)()
    if actions:
        sys.meta_path.insert(0, _AfterImport(actions))
