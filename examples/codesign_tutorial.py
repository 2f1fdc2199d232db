# %% [markdown]
# # Tutorial: networks and their chip, designed together
#
# A neural network is accurate or cheap, and what is cheap depends on the chip that runs it. Here
# both are chosen together: an architecture for each task, and for a chip with two sub-accelerators
# their dataflow, processing elements and bandwidth. The chip must keep to limits of latency, energy
# and area, and the networks should be accurate: the problem of NASAIC. This tutorial looks at the
# problem, costs designs, searches, learns, and lets several agents take turns. It runs in about a
# minute, because the accuracies of the small space are measured and shipped.

# %%
import gymnasium as gym
import numpy as np

import chipgym  # registers the environments

SCENARIO = "digits-tiny"
BUDGET = 60

env = gym.make("chipgym/CoDesign-v0", scenario=SCENARIO)
observation, info = env.reset(seed=0)
print("chipgym", chipgym.__version__)
print("observation:", observation.shape, observation.dtype, "  actions:", env.action_space)

# %% [markdown]
# ## What is to be chosen
#
# A design is a sequence of tokens: those of the first network, of the second, of the chip. In
# `chipgym/CoDesign-v0` each action decides one token; options that would exceed the budget of
# processing elements or bandwidth are masked.

# %%
problem = env.unwrapped.problem
for token in problem.tokens:
    print(f"{token.name:18s} {', '.join(map(str, token.options)):60.60s} {token.meaning}")
spec = problem.spec
print(f"limits: {spec.latency_cycles:.0f} cycles, {spec.energy_nj:.1f} nJ, {spec.area_um2:.3g} µm²")

# %% [markdown]
# ## One design
#
# The reward comes with the last token: the weighted accuracy, if all limits are met; otherwise
# minus ten times the penalties, and the networks are not even trained. Each accuracy says on which
# data it was measured, how, and how sure it is.

# %%
done = False
while not done:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    done = terminated or truncated
print("reward", round(reward, 3), {k: round(v, 3) for k, v in info["reward_terms"].items()})
for cost in ("latency_cycles", "energy_nj", "area_um2"):
    print(f"{cost:15s} {info['metrics'][cost]:12.5g}   limit {getattr(spec, cost):12.5g}")
for task, accuracy in info.get("accuracy", {}).items():
    print(f"{task}: {accuracy['value']:.3f} on {accuracy['data_set']} ({accuracy['recipe']})")

# %% [markdown]
# ## Search
#
# `chipgym/CoDesignOneShot-v0` takes a whole design as one action, so every searcher applies. The
# budget counts designs that are costed. Always compare with random search.

# %%
from chipgym.agents.search.registry import make_searcher  # noqa: E402
from chipgym.experiments.search import run_search  # noqa: E402

whole = gym.make("chipgym/CoDesignOneShot-v0", scenario=SCENARIO, split="test")
for name in ("random-search", "regularised-evolution", "simulated-annealing"):
    best = []
    for seed in range(3):
        space = whole.action_space
        searcher = make_searcher(name, space, seed=seed, constraint=space.feasible)
        run = run_search(whole, searcher, budget=BUDGET, instance=0, seed=seed)
        best.append(run.best.score)
    print(f"{name:22s} best weighted accuracy {np.round(best, 3)}")
found = problem.decode(np.array(run.best.design))
print({name: value for name, value in found.items() if name.startswith("chip.")})

# %% [markdown]
# ## Learning
#
# An agent that decides token by token sees what is decided, the budgets that are left and what the
# decided part already costs. With `shaping` it is told of limits as soon as they are exceeded. Two
# thousand steps are 128 designs.

# %%
from sb3_contrib import MaskablePPO  # noqa: E402
from stable_baselines3.common.utils import set_random_seed  # noqa: E402

set_random_seed(0)
train = gym.make("chipgym/CoDesign-v0", scenario=SCENARIO, shaping=True)
model = MaskablePPO(
    "MlpPolicy", train, n_steps=256, batch_size=64, learning_rate=1e-3, gamma=1.0, seed=0,
    device="cpu",
)  # fmt: skip
model.learn(2048)


def play(choose, episodes=20):
    """Mean reward of a way to choose, and how many of its designs meet the limits."""
    test = gym.make("chipgym/CoDesign-v0", scenario=SCENARIO, split="test")
    test.action_space.seed(0)
    rewards, feasible = [], 0
    for _ in range(episodes):
        observation, info = test.reset(options={"instance": 0})
        done = False
        while not done:
            action = int(choose(test, observation, info["action_mask"]))
            observation, reward, terminated, truncated, info = test.step(action)
            done = terminated or truncated
        rewards.append(reward)
        feasible += int(info["metrics"]["feasible"])
    return f"mean reward {np.mean(rewards):6.3f}, {feasible} of {episodes} within the limits"


print("random tokens:", play(lambda test, observation, mask: test.action_space.sample()))
print("PPO:          ", play(lambda test, obs, mask: model.predict(obs, action_masks=mask)[0]))

# %% [markdown]
# ## Several agents
#
# The PettingZoo form has an agent for each network and one for the chip. They take turns, each
# decides its own part, and all share the reward: `mappo` and `ippo` learn it.

# %%
from chipgym.envs import codesign_v0  # noqa: E402

team = codesign_v0.env(scenario=SCENARIO)
team.reset(seed=0)
rng = np.random.default_rng(0)
moves = dict.fromkeys(team.possible_agents, 0)
for agent in team.agent_iter():
    observation, reward, terminated, truncated, info = team.last()
    if terminated or truncated:
        team.step(None)
        continue
    moves[agent] += 1
    team.step(int(rng.choice(np.flatnonzero(observation["action_mask"]))))
print("decisions of each agent:", moves, "  reward", round(float(reward), 3))

# %% [markdown]
# ## Where next
#
# - Edits of a design under a budget of trainings: `chipgym info chipgym/CoDesignRefine-v0`.
# - Train on limits that differ from episode to episode: `scenario="digits-tiny-drawn"`.
# - Larger spaces, other data sets, accuracies that are trained on the spot or come from
#   NAS-Bench-201: the arguments in [CoDesign](environments/co-design.md).
# - All searchers and their hyperparameters: [agents](agents.md#searchers).
