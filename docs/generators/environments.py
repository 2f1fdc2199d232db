"""The page of each environment: its docstring, what the code declares, what was measured."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import gymnasium as gym

from generators.actions import action_section
from generators.fields import observation_section
from generators.markdown import page_name, promote, table
from generators.objectives import objective_section
from generators.pictures import picture_section
from generators.rates import rate_section
from generators.scenarios import scenario_section
from generators.scores import score_section


def env_ids() -> list[str]:
    """Ids of all environments of the package, sorted."""
    return sorted(name for name in gym.registry if name.startswith("chipgym/"))


def index_page(ids: Sequence[str]) -> str:
    """Table of all environments."""
    rows = []
    for env_id in ids:
        env = gym.make(env_id)
        summary = (inspect.getdoc(type(env.unwrapped)) or "").split("\n")[0]
        link = f"[`{env_id}`]({page_name(env_id)}.md)"
        rows.append([link, summary, f"`{env.action_space}`", str(env.observation_space.shape)])
        env.close()
    text = "# Environments\n\nMade by id with `gymnasium.make`, or `gymnasium.make_vec` for many "
    text += "at once; `chipgym list` prints this table, `chipgym info ID` one environment.\n\n"
    return text + table(["id", "", "actions", "observation"], rows)


def environment_page(env_id: str) -> str:
    """Page of one environment."""
    env: Any = gym.make(env_id)
    env.reset(seed=0)
    base = env.unwrapped
    title = env_id.split("/")[1]
    text = f"# {title}\n\n{table(['', 'with the default scenario'], facts(env_id, env))}\n"
    text += picture_section(env_id)
    text += f"\n{promote(inspect.getdoc(type(base)) or '')}\n"
    text += observation_section(base.observation_layout)
    text += action_section(env_id, env)
    text += objective_section(env_id, base)
    text += scenario_section(env_id)
    text += score_section(env_id)
    text += rate_section(env_id)
    env.close()
    return text


def facts(env_id: str, env: Any) -> list[list[str]]:
    """Rows of the table at the top of a page."""
    base = env.unwrapped
    better = "lower" if getattr(base, "lower_is_better", True) else "higher"
    return [
        ["Make it", f'`gymnasium.make("{env_id}")`'],
        ["Action space", f"`{env.action_space}`"],
        ["Observation space", f"`Box{env.observation_space.shape}`, float32"],
        ["Primary metric", f"`{base.primary_metric}`, {better} is better"],
        ["Simulator", f"version {base.simulator_version}"],
        ["Render modes", ", ".join(f"`{mode}`" for mode in base.metadata["render_modes"])],
    ]
