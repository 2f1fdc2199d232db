# %% [markdown]
# # Tutorial: scheduling a system on chip
#
# A system on chip has processing elements of several kinds: small cores, big cores, accelerators
# that do one thing fast. Jobs arrive all the time, each a graph of tasks, and a scheduler decides
# which ready task runs where. This tutorial looks at the problem, plays heuristics on it, trains an
# agent with action masks, and compares them fairly. It runs in less than a minute.

# %%
import gymnasium as gym
import numpy as np

import chipgym  # registers the environments

ENV_ID = "chipgym/SocScheduling-v0"
SCENARIO = "six-app-mid"

env = gym.make(ENV_ID, scenario=SCENARIO)
observation, info = env.reset(seed=2)
print("chipgym", chipgym.__version__)
print("observation:", observation.shape, observation.dtype, "  actions:", env.action_space)

# %% [markdown]
# ## What the agent sees
#
# The observation is flat, and every element of it is declared. `split` gives named, shaped views.

# %%
layout = env.unwrapped.observation_layout
for field in layout:
    print(f"{field.name:10s} {field.shape!s:14s} {field.meaning}")

blocks = layout.split(observation)
finish = layout["pairs"].column("estimated_finish")
print("first ready task, estimated finish on each PE (squashed to 0…1):")
print(blocks["pairs"][0, :, finish].round(2))

# %% [markdown]
# ## What it can do
#
# Action `slot * P + pe` starts the ready task in a slot on a processing element; the last action
# waits for the next event. Most actions are impossible most of the time, and the mask says which.

# %%
mask = env.unwrapped.action_masks()
problem = env.unwrapped.problem
print(f"{mask.sum()} of {mask.size} actions are allowed, {problem.num_ready} tasks are ready")

# %% [markdown]
# ## Heuristics
#
# Heuristics read the typed `problem` view, which holds times in µs instead of features. Earliest
# task first (ETF) takes the pair of task and PE that would finish first.


# %%
def earliest_task_first(problem):
    """Choose the (task, PE) pair with the earliest estimated finish."""
    slot, pe = np.unravel_index(
        np.argmin(problem.estimated_finish_us), problem.estimated_finish_us.shape
    )
    return problem.encode(int(slot), int(pe))


rng = np.random.default_rng(0)


def random_choice(problem):
    """Choose a supported (task, PE) pair at random."""
    slots, pes = np.nonzero(np.isfinite(problem.estimated_finish_us))
    pick = rng.integers(len(slots))
    return problem.encode(int(slots[pick]), int(pes[pick]))


def play(env, choose, **reset):
    """Play one episode and return its metrics."""
    env.reset(**reset)
    while True:
        _, _, terminated, truncated, info = env.step(choose(env.unwrapped.problem))
        if terminated or truncated:
            return info["metrics"]


# %% [markdown]
# Policies are compared on the same instances: the variance between workloads is larger than that
# between good schedulers, so only paired differences mean something.

# %%
test = gym.make(ENV_ID, scenario=SCENARIO, split="test")
instances = range(4)
latency_us = {}
for name, choose in {"random": random_choice, "ETF": earliest_task_first}.items():
    metrics = [play(test, choose, options={"instance": k}) for k in instances]
    latency_us[name] = np.array([m["mean_latency_us"] for m in metrics])
    print(f"{name:8s} mean job latency {latency_us[name].mean():8.1f} µs")

# %% [markdown]
# ChipGym ships these and more: `chipgym.agents.core.registry.policy_names()`.
#
# ## Learning
#
# MaskablePPO of sb3-contrib reads `action_masks()` by itself. Two thousand steps are enough to
# see that it learns, not to see what it can reach: `chipgym train` and `chipgym benchmark` do that,
# with seeds, budgets and statistics.

# %%
from sb3_contrib import MaskablePPO  # noqa: E402
from stable_baselines3.common.utils import set_random_seed  # noqa: E402

set_random_seed(0)
train = gym.make(ENV_ID, scenario=SCENARIO, split="train", num_jobs=10)
model = MaskablePPO("MlpPolicy", train, n_steps=512, batch_size=256, seed=0, device="cpu")
model.learn(2_048)


def learned(env, **reset):
    """Play one episode with the trained agent."""
    observation, info = env.reset(**reset)
    while True:
        action, _ = model.predict(observation, action_masks=info["action_mask"], deterministic=True)
        observation, _, terminated, truncated, info = env.step(int(action))
        if terminated or truncated:
            return info["metrics"]


metrics = [learned(test, options={"instance": k}) for k in instances]
latency_us["PPO"] = np.array([m["mean_latency_us"] for m in metrics])

# %% [markdown]
# ## Scores
#
# 0 is the random policy, 1 is ETF, above 1 is better than ETF. Scores are computed per instance.

# %%
span = latency_us["random"] - latency_us["ETF"]
for name, values in latency_us.items():
    scores = (latency_us["random"] - values) / span
    print(f"{name:8s} score {scores.mean():6.2f}   {values.mean():8.1f} µs")

# %% [markdown]
# ## Save, restore, look ahead
#
# An environment can be put back to where it was, which is what tree search needs. Here: after 20
# decisions, which next one leads to the best schedule, if ETF decides the rest?

# %%
test.reset(options={"instance": 0})
for _ in range(20):
    test.step(earliest_task_first(test.unwrapped.problem))

start = test.unwrapped.get_state()
outcomes = {}
for action in np.flatnonzero(test.unwrapped.action_masks()):
    test.unwrapped.set_state(start)
    _, _, done, _, info = test.step(int(action))
    while not done:
        _, _, done, _, info = test.step(earliest_task_first(test.unwrapped.problem))
    outcomes[int(action)] = info["metrics"]["mean_latency_us"]

test.unwrapped.set_state(start)
greedy = earliest_task_first(test.unwrapped.problem)
best = min(outcomes, key=outcomes.get)
print(f"ETF takes action {greedy}, which leads to {outcomes[greedy]:.1f} µs mean latency;")
print(f"action {best} would lead to {outcomes[best]:.1f} µs, the worst to", end=" ")
print(f"{max(outcomes.values()):.1f} µs")

# %% [markdown]
# ## Where next
#
# - Other scenarios: `chipgym info chipgym/SocScheduling-v0`.
# - Your own platform and task graphs: [the guide](guides/own-soc.md).
# - Several agents, one a cluster: `from chipgym.envs import soc_scheduling_v0`.
# - Ranking your scheduler: [leaderboards](leaderboards.md).
