"""A picture of each environment: the frame that it renders in an episode of a simple policy.

Everything is seeded, so a picture is the same at each build. None is stored.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

from chipgym.agents.core.registry import make_policy
from generators.markdown import page_name

SEED = 0
RANDOM = ""
"""In place of a policy's name: actions that the action space draws among the legal ones."""


@dataclass(frozen=True)
class Shot:
    """Which episode is shown, and how the picture is called.

    Attributes
    ----------
    caption : str
    policy : str
        Name of a policy, or `RANDOM`.
    steps : int or None
        Steps until the picture is taken; None: the whole episode.
    episodes : int
        Episodes, of which the last is shown; some environments show what came before, too.
    kwargs : mapping
        Arguments of the environment.
    """

    caption: str
    policy: str = RANDOM
    steps: int | None = None
    episodes: int = 1
    kwargs: Mapping[str, Any] = field(default_factory=dict)


GANTT = "a row for each processing element, a colour for each application, the number the job's"
COMMANDS = (
    "Above: the banks over the last cycles, open rows as bars, commands as ticks. Below: the load "
    "of the command bus over the whole run"
)
SCHEDULE = (
    "Above: the schedule of the layers on the sub-accelerators. Below: error against energy of the "
    "designs tried"
)
SHOTS: dict[str, Shot] = {
    "chipgym/SocScheduling-v0": Shot(f"Scheduled by ETF: {GANTT}", "ETF", 160),
    "chipgym/SocTaskMapping-v0": Shot(f"Random actions: {GANTT}", RANDOM, 160),
    "chipgym/SocTaskOrdering-v0": Shot(f"Random actions: {GANTT}", RANDOM, 160),
    "chipgym/DramDesign-v0": Shot(f"A random design. {COMMANDS}"),
    "chipgym/DramTuning-v0": Shot(f"After ten random edits. {COMMANDS}", RANDOM, 10),
    "chipgym/DramRuntime-v0": Shot(f"Random settings. {COMMANDS}"),
    "chipgym/DramCommand-v0": Shot(f"Scheduled by FR-FCFS. {COMMANDS}", "FR_FCFS"),
    "chipgym/LogicSynthesis-v0": Shot(
        "The recipe resyn2 on a circuit: nodes and levels after each command", "resyn2"
    ),
    "chipgym/LogicRecipe-v0": Shot(
        "A random recipe on a circuit: nodes and levels after each command, and what resyn2 reaches"
    ),
    "chipgym/CoDesign-v0": Shot(f"Random tokens. {SCHEDULE}", episodes=40),
    "chipgym/CoDesignOneShot-v0": Shot(f"Random designs. {SCHEDULE}", episodes=40),
    "chipgym/CoDesignRefine-v0": Shot(f"Random edits. {SCHEDULE}"),
}


def picture_section(env_id: str) -> str:
    """Show the picture of an environment, which links to its full size."""
    if env_id not in SHOTS:
        return ""
    name, caption = f"{page_name(env_id)}.png", SHOTS[env_id].caption
    return f"[![{caption}]({name}){{ .figure }}]({name})\n\n*{caption}.*\n"


def pictures() -> Iterator[tuple[str, bytes]]:
    """Yield every picture: its path under docs/, its PNG."""
    for env_id in SHOTS:
        yield f"environments/{page_name(env_id)}.png", png(frame(env_id))


def frame(env_id: str) -> np.ndarray:
    """Render an environment, uint8 array of shape (height, width, 3)."""
    shot = SHOTS[env_id]
    env: Any = gym.make(env_id, render_mode="rgb_array", **shot.kwargs)
    env.action_space.seed(SEED)
    policy = make_policy(shot.policy) if shot.policy else None
    for episode in range(shot.episodes):
        _play(env, policy, episode, shot.steps)
    image: np.ndarray = env.render()
    env.close()
    return image


def _play(env: Any, policy: Any, episode: int, steps: int | None) -> None:
    """Play an episode, or its beginning."""
    observation, info = env.reset(seed=SEED + episode)
    if policy is not None:
        policy.reset(1, SEED)
    ended, step = False, 0
    while not ended and (steps is None or step < steps):
        action = env.action_space.sample()
        if policy is not None:
            mask = info.get("action_mask")
            masks = None if mask is None else np.asarray(mask, dtype=bool)[None]
            action = policy.act(observation[None], masks, [env.unwrapped.problem])[0]
        observation, _, terminated, truncated, info = env.step(action)
        ended, step = terminated or truncated, step + 1


def png(image: np.ndarray) -> bytes:
    """Encode an image, with a palette: charts have few colours."""
    stream = io.BytesIO()
    Image.fromarray(image).quantize(128).save(stream, "PNG", optimize=True)
    return stream.getvalue()
