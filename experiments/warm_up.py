"""Using every kernel once, so that it is compiled and kept: `chipgym doctor --warm-up`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.simulate import simulate
from chipgym.simulators.soc.workload import Workload

__all__ = ["STEPS"]

SOC_IDS = (
    "chipgym/SocScheduling-v0",
    "chipgym/SocTaskMapping-v0",
    "chipgym/SocTaskOrdering-v0",
)
DRAM_IDS = (
    "chipgym/DramDesign-v0",
    "chipgym/DramTuning-v0",
    "chipgym/DramRuntime-v0",
    "chipgym/DramCommand-v0",
)

CODESIGN_IDS = (
    "chipgym/CoDesign-v0",
    "chipgym/CoDesignOneShot-v0",
    "chipgym/CoDesignRefine-v0",
)


def _simulate(options: SocOptions, scheduler: str = "ETF") -> None:
    platform = Platform.named("canonical-3pe")
    applications = [Application.named("canonical")]
    workload = Workload(np.zeros(2, dtype=np.int64), np.full(2, 25.0))
    simulate(platform, applications, workload, scheduler, options, record_trace=True)


def _simulate_clean_order() -> None:
    _simulate(SocOptions())
    _simulate(SocOptions(), "MET")


def _simulate_tick_orders() -> None:
    _simulate(SocOptions(order="ds3"))
    _simulate(SocOptions(order="ds3gym", horizon_us=200.0))


def _step_dram_environments() -> None:
    """Reset and step each environment, scalar and vector."""
    import gymnasium as gym

    for name in DRAM_IDS:
        env = gym.make(name, num_requests=64)
        env.reset(seed=0)
        env.action_space.seed(0)
        env.step(env.action_space.sample())
        env.close()
        envs = gym.make_vec(
            name, num_envs=2, vectorization_mode="vector_entry_point", num_requests=64
        )
        envs.reset(seed=0)
        envs.step(envs.action_space.sample())
        envs.close()


def _step_environments() -> None:
    """Reset and step each environment, scalar and vector, and snapshot it."""
    import gymnasium as gym

    for name in SOC_IDS:
        env = gym.make(name, scenario="canonical")
        _, info = env.reset(seed=0)
        _ = env.get_wrapper_attr("problem")
        env.step(int(np.flatnonzero(info["action_mask"])[0]))
        env.close()
        envs = gym.make_vec(
            name, num_envs=2, vectorization_mode="vector_entry_point", scenario="canonical"
        )
        _, infos = envs.reset(seed=0)
        envs.step(np.argmax(infos["action_mask"], axis=1))
        envs.close()


def _simulate_accelerators() -> None:
    """Costs of layers, complete designs under a limit, mappings and their bounds."""
    from chipgym.simulators.accelerator.design import Chip
    from chipgym.simulators.accelerator.exact import map_exactly
    from chipgym.simulators.accelerator.mapping import list_schedule, mapping_problem
    from chipgym.simulators.accelerator.networks import resnet9
    from chipgym.simulators.accelerator.simulate import evaluate_rows
    from chipgym.simulators.accelerator.simulate import simulate as simulate_chip

    networks, chip = [resnet9(8, (16,), (1,))], Chip.of(("dla", 128, 8), ("shi", 128, 8))
    simulate_chip(networks, chip, 1)
    problem = mapping_problem(networks, chip)
    list_schedule(problem, map_exactly(problem).unit)
    evaluate_rows(problem.workload.layers[:1], chip.rows[:1])


def _step_codesign_environments() -> None:
    """Reset and step each environment, scalar and vector."""
    import gymnasium as gym

    for name in CODESIGN_IDS:
        env = gym.make(name)
        env.reset(seed=0)
        env.action_space.seed(0)
        env.step(env.action_space.sample())
        env.close()
        envs = gym.make_vec(name, num_envs=2, vectorization_mode="vector_entry_point")
        envs.reset(seed=0)
        envs.step(envs.action_space.sample())
        envs.close()


STEPS: dict[str, Callable[[], None]] = {
    "simulator, clean order": _simulate_clean_order,
    "simulator, tick orders": _simulate_tick_orders,
    "environments": _step_environments,
    "DRAM controller and environments": _step_dram_environments,
    "accelerator cost model": _simulate_accelerators,
    "co-design environments": _step_codesign_environments,
}
"""What is run, by what it compiles."""
