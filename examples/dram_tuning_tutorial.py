# %% [markdown]
# # Tutorial: tuning a memory controller
#
# A memory controller decides which request is served next, when a row is closed, when the memory is
# refreshed. Its settings, the *knobs*, are chosen once for a workload. This tutorial looks at the
# problem, tries single knobs, searches whole designs, trains an agent under the same budget, and
# lets one agent set each knob. It runs in about a minute.

# %%
import gymnasium as gym
import numpy as np

import chipgym  # registers the environments

SCENARIO = "ddr4-mixed-rw"
BUDGET = 40
INSTANCES = range(3)

env = gym.make("chipgym/DramDesign-v0", scenario=SCENARIO, split="test")
observation, info = env.reset(options={"instance": 0})
print("chipgym", chipgym.__version__)
print("observation:", observation.shape, observation.dtype, "  actions:", env.action_space)

# %% [markdown]
# ## What is to be chosen
#
# A design has one value for each knob. In `chipgym/DramDesign-v0` an action is a whole design, and
# an episode is one step: set all knobs, simulate the workload, done.

# %%
problem = env.unwrapped.problem
for knob in problem.knobs:
    print(f"{knob.name:24s} {', '.join(map(str, knob.values))}   (default {knob.default})")
trace = problem.instance.trace
print(f"workload: {len(trace)} requests, {trace.is_write.mean():.0%} writes")

# %% [markdown]
# ## One knob
#
# The reward is the logarithm of the default design's cost over this design's: 0 is the default,
# 0.69 half its cost. The cost of this scenario is energy times total time. `encode` takes names and
# values and leaves the rest at the default.

# %%
for policy in ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive"):
    env.reset(options={"instance": 0})
    _, reward, _, _, info = env.step(problem.encode({"page_policy": policy}))
    metrics = info["metrics"]
    time_us, energy_uj = metrics["total_time_ns"] / 1e3, metrics["energy_pj"] / 1e6
    print(f"{policy:16s} reward {reward:+.3f}   {time_us:6.1f} µs   {energy_uj:6.1f} µJ")

# %% [markdown]
# Some combinations cannot work. They are not simulated, have the lowest reward, and say why.

# %%
impossible = problem.encode({"command_mux": "Strict", "scheduler": "FrFcfs"})
print(problem.broken_rules(impossible))
assert not env.action_space.feasible(impossible)
assert env.action_space.feasible(env.action_space.sample())

# %% [markdown]
# ## Search
#
# A searcher proposes designs and is told their scores. `run_search` drives it until a number of
# *distinct* simulations is spent: a design that comes again, or differs only in knobs that are
# ignored, costs nothing. Random search is the yardstick that any method has to beat.

# %%
from chipgym.agents.search.registry import make_searcher  # noqa: E402
from chipgym.experiments.search import run_search  # noqa: E402

scores = {}
for name in ("random-search", "simulated-annealing", "genetic"):
    runs = []
    for instance in INSTANCES:
        feasible = env.action_space.feasible
        searcher = make_searcher(name, env.action_space, seed=instance, constraint=feasible)
        runs.append(run_search(env, searcher, budget=BUDGET, instance=instance, seed=instance))
    scores[name] = np.array([run.best.score for run in runs])
    print(f"{name:20s} best scores", scores[name].round(3))

found = problem.decode(np.array(runs[0].best.design))
changed = {k.name: found[k.name] for k in problem.knobs if found[k.name] != k.default}
print(f"what the {name} search changed on instance 0:", changed)

# %% [markdown]
# ## Learning under the same budget
#
# In `chipgym/DramTuning-v0` an episode starts at the default design, and each action sets one knob.
# The reward is the growth of the best score so far, so an episode's return is what a search would
# report, under the same budget. The agent sees the workload, the present design and its results, so
# what it learns on the training traces can help on others. Five hundred steps show how it is done,
# not what it can reach: compare it with random edits.

# %%
from sb3_contrib import MaskablePPO  # noqa: E402
from stable_baselines3.common.utils import set_random_seed  # noqa: E402

set_random_seed(0)
train = gym.make("chipgym/DramTuning-v0", scenario=SCENARIO, budget=BUDGET, num_requests=2_000)
model = MaskablePPO("MlpPolicy", train, n_steps=128, batch_size=64, seed=0, device="cpu")
model.learn(512)

test = gym.make("chipgym/DramTuning-v0", scenario=SCENARIO, budget=BUDGET, split="test")
test.action_space.seed(0)


def learned(observation, mask):
    """Choose an edit with the trained agent."""
    return model.predict(observation, action_masks=mask)[0]


def random_edit(observation, mask):
    """Choose any allowed edit."""
    return test.action_space.sample()


for name, choose in {"random edits": random_edit, "PPO": learned}.items():
    returns = []
    for instance in INSTANCES:
        observation, info = test.reset(options={"instance": instance})
        total, done = 0.0, False
        while not done:
            action = int(choose(observation, info["action_mask"]))
            observation, reward, terminated, truncated, info = test.step(action)
            total, done = total + reward, terminated or truncated
        returns.append(total)
    scores[name] = np.array(returns)

for name, values in scores.items():
    factor = np.exp(values).mean()
    print(f"{name:20s} {factor:5.2f} times less energy x time than the default, on average")

# %% [markdown]
# ## One agent a knob
#
# The PettingZoo form has an agent for each knob, or for each subsystem with `agents="group"`. All
# choose at once, every step is a design, and they share the reward. `ippo`, `mappo` and
# `shared_ppo` learn it: `chipgym train chipgym/DramTuning-v0 --agent mappo`.

# %%
from chipgym.envs import dram_tuning_v0  # noqa: E402

team = dram_tuning_v0.parallel_env(scenario=SCENARIO, agents="group", budget=10)
observations, infos = team.reset(seed=0)
print({agent: str(team.action_space(agent)) for agent in team.agents})
total = 0.0
while team.agents:
    actions = {agent: team.action_space(agent).sample() for agent in team.agents}
    observations, rewards, terminations, truncations, infos = team.step(actions)
    total += rewards["refresh_power"]
print(f"ten random designs: best score {total:.3f}")

# %% [markdown]
# ## Where next
#
# - Settings that change while the controller runs: `chipgym info chipgym/DramRuntime-v0`.
# - The agent as the memory scheduler, command by command: `chipgym info chipgym/DramCommand-v0`.
# - ArchGym's knobs, device and workloads: [the guide](guides/archgym.md).
# - How far the simulator can be trusted: [the DRAM controller](simulators/dram.md).
# - All searchers and their hyperparameters: [agents](agents.md#searchers).
