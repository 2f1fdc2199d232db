"""Workloads of your own: a memory trace, and a stream of jobs for a system on chip.

Run it: ``python examples/own/own_workload.py``. More formats: the guide on your own SoC, and
`chipgym.simulators.dram.trace.read_trace` for the traces of DRAMSys, Ramulator and DRAMsim3.
"""

import gymnasium as gym
import numpy as np

import chipgym  # noqa: F401  # registers the environments
from chipgym.agents.core.registry import make_policy
from chipgym.simulators.dram.trace import Trace
from chipgym.simulators.soc.workload import Workload


def matrix_product(size=16, element_bytes=8):
    """Reads and writes of a naive product of two matrices, one request every other cycle."""
    a, b, c = 0, size * size * element_bytes, 2 * size * size * element_bytes
    addresses, writes = [], []
    for row in range(size):
        for column in range(size):
            for k in range(size):
                addresses += [a + (row * size + k) * element_bytes]
                addresses += [b + (k * size + column) * element_bytes]
                writes += [False, False]
            addresses += [c + (row * size + column) * element_bytes]
            writes += [True]
    address = np.array(addresses) // 64 * 64  # whole bursts
    return Trace(2 * np.arange(len(address)), address, np.array(writes), "matrix-product")


if __name__ == "__main__":
    env = gym.make("chipgym/DramDesign-v0", scenario="ddr4-mixed-rw", workload=matrix_product())
    env.reset(seed=0)
    problem = env.unwrapped.problem
    for policy in ("Open", "Closed"):
        _, reward, _, _, info = env.step(problem.encode({"page_policy": policy}))
        print(f"page policy {policy:6s} {info['metrics']['total_time_ns'] / 1e3:7.2f} µs")
        env.reset(seed=0)

    # Twenty jobs in pairs: both of a pair at once, then a pause of 400 µs.
    pairs = Workload(app_index=np.arange(20) % 6, gap_us=np.where(np.arange(20) % 2, 400.0, 0.0))
    env = gym.make("chipgym/SocScheduling-v0", scenario="six-app-mid")
    for name in ("MET", "ETF"):
        policy, ended = make_policy(name), False
        policy.reset(1, 0)
        observation, info = env.reset(seed=0, options={"workload": pairs})
        while not ended:
            masks, problem = info["action_mask"][None], env.unwrapped.problem
            action = policy.act(observation[None], masks, [problem])[0]
            observation, _, terminated, truncated, info = env.step(int(action))
            ended = terminated or truncated
        print(f"{name}: mean latency {info['metrics']['mean_latency_us']:.1f} µs")
