"""A Gymnasium `VectorEnv` as the `VecEnv` that Stable-Baselines3 trains on.

A native vector environment advances all its copies in one kernel call; wrapping each copy on its
own (SB3's way) would lose that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from chipgym.agents.core.masks import repair_actions
from chipgym.simulators.core.errors import InvalidValueError

__all__ = ["VectorEnvAdapter", "info_of"]

_MODES = (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


class VectorEnvAdapter(VecEnv):
    """Steps a Gymnasium vector environment for Stable-Baselines3.

    SB3 wants the first observation of the next episode together with the reward of the last step,
    and the last observation apart, for bootstrapping. That is Gymnasium's SAME_STEP autoreset; with
    DISABLED the adapter resets the finished copies itself. NEXT_STEP is refused: it inserts a step
    after each episode whose action and reward mean nothing, and SB3 would learn from it.

    Parameters
    ----------
    envs : gymnasium.vector.VectorEnv
        Environment in autoreset mode SAME_STEP or DISABLED.
    repair : bool
        Replace masked actions by the next valid one (`repair_actions`), for algorithms that know no
        masks; without effect where the environment has none.
    reward_scale : float
        Factor on the rewards that SB3 sees; reported returns stay as they are.
    """

    def __init__(
        self,
        envs: VectorEnv[Any, Any, Any],
        *,
        repair: bool = False,
        reward_scale: float = 1.0,
    ) -> None:
        mode = envs.metadata.get("autoreset_mode")
        if mode not in _MODES:
            raise InvalidValueError(
                "autoreset_mode", mode, " or ".join(str(allowed) for allowed in _MODES)
            )
        self.envs = envs
        space = envs.single_action_space
        self._choices = space.nvec.tolist() if isinstance(space, gym.spaces.MultiDiscrete) else None
        self.reward_scale = reward_scale
        self.repair = repair
        self._masked: bool | None = None
        self._resets_itself = mode == AutoresetMode.SAME_STEP
        self._actions: npt.NDArray[Any] = np.zeros(envs.num_envs, dtype=np.int64)
        self._returns = np.zeros(envs.num_envs)
        self._lengths = np.zeros(envs.num_envs, dtype=np.int64)
        self._started = time.perf_counter()
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> npt.NDArray[Any]:
        """Reset every copy, with the seeds and options set since the last reset."""
        # SB3's seeds count up from the first one, as Gymnasium's do from a single number.
        observations, infos = self.envs.reset(seed=self._seeds[0], options=self._options[0] or None)
        self._reset_seeds()
        self._reset_options()
        if self._masked is None:
            # A wrapper may have the method where what it wraps has not: only a call tells.
            self._masked = self.has_masks and self.has_attr("action_masks")
        self.reset_infos = [info_of(infos, i) for i in range(self.num_envs)]
        self._returns[:] = 0.0
        self._lengths[:] = 0
        return np.array(observations)

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions; nothing happens until `step_wait`."""
        if self.repair and self._masked:
            actions = repair_actions(actions, self.action_masks(), self._choices)
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        """Advance every copy by one step, and begin new episodes where one ended.

        Returns
        -------
        observations, rewards, dones, infos
            As SB3 defines them. The info of a finished episode holds ``terminal_observation``,
            ``TimeLimit.truncated``, ``episode`` (return ``r``, length ``l``, seconds ``t``) and
            what the environment reported at its end, such as ``metrics``.
        """
        observations, rewards, terminations, truncations, infos = self.envs.step(self._actions)
        dones = np.logical_or(terminations, truncations)
        self._returns += rewards
        self._lengths += 1
        reports: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if dones.any():
            for i in np.flatnonzero(dones):
                reports[i] = self._finish(int(i), observations, infos)
                reports[i]["TimeLimit.truncated"] = bool(truncations[i] and not terminations[i])
            if not self._resets_itself:
                observations, _ = self.envs.reset(options={"reset_mask": dones})
        scaled = np.asarray(rewards * self.reward_scale, dtype=np.float32)
        # A replay buffer keeps what it is given; the environment may use its array again.
        return np.array(observations), scaled, dones, reports

    def _finish(self, i: int, observations: Any, infos: dict[str, Any]) -> dict[str, Any]:
        """Return the info of copy i, whose episode has just ended, and start its counters anew."""
        if self._resets_itself:
            report = info_of(infos["final_info"], i)
            last = infos["final_obs"][i]
        else:
            report = info_of(infos, i)
            last = observations[i]
        report["terminal_observation"] = np.array(last)
        report["episode"] = {
            "r": float(self._returns[i]),
            "l": int(self._lengths[i]),
            "t": round(time.perf_counter() - self._started, 6),
        }
        self._returns[i] = 0.0
        self._lengths[i] = 0
        return report

    @property
    def has_masks(self) -> bool:
        """Whether the environments say which actions are valid.

        Wrappers pass on the masks of what they wrap, which say nothing about real-valued actions.
        """
        if not isinstance(self.action_space, gym.spaces.Discrete | gym.spaces.MultiDiscrete):
            return False
        if self._masked is not None:
            return self._masked
        if hasattr(self.envs, "action_masks"):
            return True
        copies = getattr(self.envs, "envs", None)
        if copies is None:
            return self.has_attr("action_masks")
        return all(copy.has_wrapper_attr("action_masks") for copy in copies)

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Return the valid actions of every copy, shape (N, A); A counts all options of choices."""
        native = getattr(self.envs, "action_masks", None)
        if native is not None:
            return np.asarray(native(), dtype=np.bool_)
        call = getattr(self.envs, "call", None)
        if call is None:
            raise AttributeError("the vector environment has no action_masks")
        return np.stack(call("action_masks"))

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of every copy; sb3-contrib asks for ``action_masks`` this way."""
        if method_name == "action_masks":
            results: Sequence[Any] = list(self.action_masks())
        else:
            results = _caller(self.envs)(method_name, *method_args, **method_kwargs)
        return [results[i] for i in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, the same for every copy of a native environment."""
        if attr_name == "action_masks":
            value: Any = self.action_masks
            self.action_masks()  # raises AttributeError where there are none
        else:
            value = getattr(self.envs, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: the copies of a vector environment share their attributes."""
        raise AttributeError(f"{attr_name} of a vector environment cannot be set copy by copy")

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """Return False for every copy: wrappers stand around the whole vector environment."""
        return [False for _ in self._get_indices(indices)]

    def close(self) -> None:
        """Close the vector environment."""
        self.envs.close()

    def _get_indices(self, indices: Any) -> Iterable[int]:
        return super()._get_indices(indices)


def info_of(infos: dict[str, Any], index: int) -> dict[str, Any]:
    """Return the info of one copy from the infos of a vector environment.

    Gymnasium batches each entry into an array and marks in ``_key`` which copies have it.
    """
    report: dict[str, Any] = {}
    for key, value in infos.items():
        present = infos.get(f"_{key}")
        if key.startswith("_") or (present is not None and not present[index]):
            continue
        if isinstance(value, dict):
            report[key] = info_of(value, index)
        elif isinstance(value, np.ndarray | list | tuple) and len(value) > index:
            entry = value[index]
            report[key] = entry.item() if isinstance(entry, np.generic) else entry
        else:
            report[key] = value
    return report


def _caller(envs: VectorEnv[Any, Any, Any]) -> Any:
    call = getattr(envs, "call", None)
    if call is None:
        raise AttributeError("a native vector environment has no methods of single copies")
    return call
