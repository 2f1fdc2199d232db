# %% [markdown]
# # Tutorial: recipes for logic synthesis
#
# Logic synthesis turns a circuit's function into gates. ABC, the tool that most of the field uses,
# has commands that rewrite the circuit; a sequence of them is a *recipe*, and which recipe is good
# depends on the circuit. This tutorial looks at the problem, runs known recipes, searches one, and
# looks ahead from a saved state. It runs in less than a minute.

# %%
import gymnasium as gym
import numpy as np

import chipgym  # registers the environments

ENV_ID = "chipgym/LogicSynthesis-v0"
CIRCUITS = ("alu-8", "priority-encoder-32", "crc16-16")

env = gym.make(ENV_ID, circuit=CIRCUITS)
observation, info = env.reset(options={"circuit": "alu-8"})
print("chipgym", chipgym.__version__)
print("observation:", observation.shape, observation.dtype, "  actions:", env.action_space)

# %% [markdown]
# ## What the agent sees
#
# The circuit is an And-Inverter Graph: two-input ANDs, with inverters on the edges. The observation
# has its size, its depth, histograms, and the recipe so far. `problem` has the graph itself.

# %%
for field in env.unwrapped.observation_layout:
    print(f"{field.name:12s} {field.shape!s:10s} {field.meaning}")

problem = env.unwrapped.problem
print(f"{problem.circuit}: {problem.nodes} nodes, {problem.levels} levels")
print("commands:", ", ".join(problem.commands))

# %% [markdown]
# ## Known recipes
#
# The reward comes at the end: minus the area-delay product after mapping to gates, in units of what
# ABC's script resyn2 reaches on the same circuit. -1 is as good as resyn2, -0.9 is 10 % better.
# The commands run in the real ABC; the state is the circuit's file between two commands, so results
# do not depend on what ran before.


# %%
def run_recipe(env, circuit, actions):
    """Run a recipe on a circuit and return the metrics."""
    env.reset(options={"circuit": circuit})
    for action in actions:
        _, _, _, _, info = env.step(int(action))
    return info["metrics"]


RESYN2 = (
    "balance; rewrite; refactor; balance; rewrite; "
    "rewrite -z; balance; refactor -z; rewrite -z; balance"
)
resyn2 = [problem.encode(command) for command in RESYN2.split("; ")]
rng = np.random.default_rng(0)
recipes = {
    "resyn2": resyn2,
    "balance, ten times": [problem.encode("balance")] * 10,
    "random": rng.integers(problem.num_actions, size=10),
}
for name, actions in recipes.items():
    ratios = [
        run_recipe(env, circuit, actions)["area_delay_product_vs_resyn2"] for circuit in CIRCUITS
    ]
    print(f"{name:20s} area-delay product over resyn2's:", np.round(ratios, 3))

# %% [markdown]
# ## Search
#
# `chipgym/LogicRecipe-v0` takes a whole recipe as one action, so that any searcher of designs
# applies. Random search is strong here: always compare with it at equal numbers of recipes.

# %%
from chipgym.agents.search.registry import make_searcher  # noqa: E402
from chipgym.experiments.search import run_search  # noqa: E402

whole = gym.make("chipgym/LogicRecipe-v0", circuit=CIRCUITS, split="test")
for name in ("random-search", "genetic"):
    best = []
    for instance in range(len(CIRCUITS)):
        searcher = make_searcher(name, whole.action_space, seed=0)
        found = run_search(whole, searcher, budget=30, instance=instance, seed=0)
        best.append(found.best.metrics["area_delay_product_vs_resyn2"])
    print(f"{name:20s} area-delay product over resyn2's:", np.round(best, 3))

# %% [markdown]
# ## Save, restore, look ahead
#
# An environment can be put back to where it was. Here: the best first command, if resyn2 follows.
# Tree search does this many times (`chipgym.agents.search.tree_search`).

# %%
ahead = gym.make(ENV_ID, circuit=CIRCUITS, steps=11)
ahead.reset(options={"circuit": "alu-8"})
start = ahead.unwrapped.get_state()
outcomes = {}
for action in np.flatnonzero(ahead.unwrapped.action_masks()):
    ahead.unwrapped.set_state(start)
    ahead.step(int(action))
    for command in resyn2:
        _, _, _, _, info = ahead.step(command)
    outcomes[problem.commands[action]] = info["metrics"]["area_delay_product_vs_resyn2"]
for command, ratio in sorted(outcomes.items(), key=lambda item: item[1]):
    print(f"{command:12s} and then resyn2: {ratio:.3f}")

# %% [markdown]
# ## Learning
#
# A network that has seen other circuits can know where to begin. MaskablePPO reads the observation;
# with a reward at every step (`objective="log-adp"`) it learns sooner. Two hundred steps show how
# it is done, and no more; `chipgym train chipgym/LogicSynthesis-v0` goes on from there.

# %%
from sb3_contrib import MaskablePPO  # noqa: E402
from stable_baselines3.common.utils import set_random_seed  # noqa: E402

set_random_seed(0)
train = gym.make(ENV_ID, scenario="own-small", objective="log-adp")
model = MaskablePPO("MlpPolicy", train, n_steps=100, batch_size=50, seed=0, device="cpu")
model.learn(200)

test = gym.make(ENV_ID, scenario="own-small", objective="log-adp", split="test")
observation, info = test.reset(options={"instance": 0})
done = False
while not done:
    action, _ = model.predict(observation, action_masks=info["action_mask"], deterministic=True)
    observation, reward, terminated, truncated, info = test.step(int(action))
    done = terminated or truncated
ratio = info["metrics"]["area_delay_product_vs_resyn2"]
print(f"{info['recipe']}: {ratio:.3f} times resyn2's area-delay product")

# %% [markdown]
# ## Where next
#
# - Other circuits, scenarios and objectives: `chipgym info chipgym/LogicSynthesis-v0`.
# - The EPFL benchmarks: `chipgym data fetch epfl`, then `circuit="epfl-router"`.
# - DRiLLS, abcRL, ABC-RL and tree search: [agents of recipes](agents.md#agents-of-recipes).
# - An area agent and a delay agent in turns: `from chipgym.envs import logic_synthesis_v0`.
# - How ABC is run, and why results can be trusted: [logic synthesis](simulators/logic.md).
