"""The suite passes on a good environment, and each check catches the defect it is there for."""

from __future__ import annotations

import random
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import queue_env
from queue_env import QueueEnv, QueueParallelEnv, QueueVectorEnv

from chipgym.envs.core import testing
from chipgym.envs.core.testing import CHECKS, ConformanceError, check_environment
from chipgym.simulators.core.errors import UnknownNameError

ID = "queue_env:chipgym-tests/Queue-v0"


def test_a_good_environment_passes_everything() -> None:
    check_environment(
        ID, scenario="slow", parallel=queue_env.parallel_env, aec=queue_env.env, skip=["async"]
    )


def test_a_good_environment_passes_the_async_check() -> None:
    testing.check_async_vector(ID, {"scenario": "plain"}, steps=20)


def test_a_factory_passes_what_applies_to_it() -> None:
    check_environment(QueueEnv, skip=["gymnasium"])


class GlobalRandom(QueueEnv):
    def reset(self, **kwargs: Any) -> Any:
        out = super().reset(**kwargs)
        np.random.rand()  # noqa: NPY002
        return out


class ReadsGlobalRandom(QueueEnv):
    def step(self, action: Any) -> Any:
        state = random.getstate()
        self._now += random.randrange(3)
        random.setstate(state)
        return super().step(action)


class Aliased(QueueEnv):
    def _observation(self) -> Any:
        self.buffer = getattr(self, "buffer", None)
        fresh = super()._observation()
        if self.buffer is None:
            self.buffer = fresh
        self.buffer[:] = fresh
        return self.buffer


class SharedMask(QueueEnv):
    def action_masks(self) -> Any:
        return self._waiting


class CarriesOver(QueueEnv):
    count = 0

    def reset(self, **kwargs: Any) -> Any:
        out = super().reset(**kwargs)
        self.count += 1
        self._durations[0] = 1 + self.count % 7
        return out


class SharesClassState(QueueEnv):
    clock = [0]

    def reset(self, **kwargs: Any) -> Any:
        self.clock[0] = 0
        return super().reset(**kwargs)

    def step(self, action: Any) -> Any:
        self.clock[0] += 1
        self._now += self.clock[0] % 2
        return super().step(action)


class ForgetsInState(QueueEnv):
    def set_state(self, state: bytes) -> None:
        now = self._now
        super().set_state(state)
        self._now = now


class ForgetsGenerator(QueueEnv):
    def set_state(self, state: bytes) -> None:
        before = self.np_random.bit_generator.state
        super().set_state(state)
        self.np_random.bit_generator.state = before


class TakesBrokenState(QueueEnv):
    def set_state(self, state: bytes) -> None:
        if state:
            super().set_state(state)


class DoesNotPickle(QueueEnv):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.callback = lambda: None


class WrongMask(QueueEnv):
    def action_masks(self) -> Any:
        mask = super().action_masks()
        if mask.sum() > 3:
            mask[np.flatnonzero(mask)[-1]] = False
        return mask


class RaisesOnAllowed(QueueEnv):
    def action_masks(self) -> Any:
        return np.ones(6, dtype=bool)


class IntegerMask(QueueEnv):
    def action_masks(self) -> Any:
        return super().action_masks().astype(np.int8)


class OutOfBounds(QueueEnv):
    def _observation(self) -> Any:
        observation = super()._observation()
        observation[6:12] *= 1.5
        return observation


class WrongTerms(QueueEnv):
    def step(self, action: Any) -> Any:
        observation, reward, ended, truncated, info = super().step(action)
        info["reward_terms"]["bonus"] = 0.1
        return observation, reward, ended, truncated, info


class BothSigns(QueueEnv):
    def step(self, action: Any) -> Any:
        observation, reward, ended, truncated, info = super().step(action)
        reward += 0.5
        info["reward_terms"]["bonus"] = 0.5
        return observation, reward, ended, truncated, info


class DoesNotTelescope(QueueEnv):
    def step(self, action: Any) -> Any:
        observation, reward, ended, truncated, info = super().step(action)
        reward = -(abs(reward) ** 1.5)
        info["reward_terms"] = {"flow_time": reward}
        return observation, reward, ended, truncated, info


class AcceptsOptions(QueueEnv):
    def _chosen(self, options: dict[str, Any]) -> int | None:
        return options["instance"] if options.get("instance") in range(5) else None


class RandomInstances(QueueEnv):
    def reset(self, **kwargs: Any) -> Any:
        _, info = super().reset(**kwargs)
        self._durations = self.np_random.integers(1, 20, 6)
        return self._observation(), info


class BadRender(QueueEnv):
    def render(self) -> Any:
        return [] if self.render_mode == "ansi" else super().render()


class RenderDisturbs(QueueEnv):
    def step(self, action: Any) -> Any:
        self._now += self.render_mode == "rgb_array"
        return super().step(action)


class Warns(QueueEnv):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (13, 1), np.float32)

    def _observation(self) -> Any:
        return super()._observation().reshape(13, 1)


class HashOrder(QueueEnv):
    def reset(self, **kwargs: Any) -> Any:
        out = super().reset(**kwargs)
        self._durations[0] = 1 + hash("word") % 19
        return self._observation(), out[1]


@pytest.mark.parametrize(
    ("broken", "check", "message"),
    [
        (GlobalRandom, "global_random", "changes global random state"),
        (ReadsGlobalRandom, "global_random", "reseeding the global generators"),
        (Aliased, "aliasing", "changed by a later call"),
        (SharedMask, "aliasing", "changed by a later call|writing into"),
        (CarriesOver, "determinism", "on a used instance"),
        (SharesClassState, "interleaving", "interleaved"),
        (ForgetsInState, "state", "restored in place"),
        (ForgetsGenerator, "state", "restored"),
        (TakesBrokenState, "state", "takes broken bytes"),
        (DoesNotPickle, "copies", "cannot be copied"),
        (WrongMask, "masks", "is masked out, yet step took it"),
        (RaisesOnAllowed, "masks", "is allowed, yet step raises"),
        (IntegerMask, "masks", "bool array"),
        (OutOfBounds, "bounds", r"waiting\[0\] = 1.5 is outside \[0.0, 1.0\]"),
        (WrongTerms, "rewards", "the terms add up to"),
        (BothSigns, "rewards", "both signs"),
        (DoesNotTelescope, "rewards", "does not telescope"),
        (AcceptsOptions, "reset_options", "is accepted"),
        (RandomInstances, "reset_options", "is not fixed"),
        (BadRender, "rendering", "must give text"),
        (RenderDisturbs, "rendering", "changes results"),
        (Warns, "stable_baselines3", "unconventional shape"),
        (HashOrder, "processes", "in another process"),
    ],
)
def test_each_defect_is_caught(broken: type[QueueEnv], check: str, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        CHECKS[check](broken)


class OffByOneVector(QueueVectorEnv):
    def step(self, actions: Any) -> Any:
        observations, rewards, *rest = super().step(actions)
        rewards[-1] *= 1 + 1e-15
        return observations, rewards, *rest


class NoMaskInfoVector(QueueVectorEnv):
    def step(self, actions: Any) -> Any:
        *rest, infos = super().step(actions)
        infos.pop("_action_mask", None)
        return *rest, infos


class IgnoresModeVector(QueueVectorEnv):
    def __init__(self, **kwargs: Any) -> None:
        kwargs["autoreset_mode"] = gym.vector.AutoresetMode.NEXT_STEP
        super().__init__(**kwargs)


class OverwritesVector(QueueVectorEnv):
    def reset(self, **kwargs: Any) -> Any:
        _, infos = super().reset(**kwargs)
        return self.observations, infos

    def step(self, actions: Any) -> Any:
        _, *rest = super().step(actions)
        return self.observations, *rest


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (OffByOneVector, "rewards"),
        (NoMaskInfoVector, "without its mask '_action_mask'"),
        (IgnoresModeVector, "asked for AutoresetMode.SAME_STEP"),
        (OverwritesVector, "overwritten"),
    ],
)
def test_vector_defects_are_caught(
    broken: type[QueueVectorEnv], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_env, "QueueVectorEnv", broken)
    with pytest.raises(ConformanceError, match=message):
        testing.check_vector(ID)


class SeedlessParallel(QueueParallelEnv):
    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=None, options=options)


class UnmaskedParallel(QueueParallelEnv):
    def step(self, actions: Any) -> Any:
        masks = self._masks()
        legal = {a: x if masks[a][x] else int(np.argmax(masks[a])) for a, x in actions.items()}
        return super().step(legal)


class ListParallel(QueueParallelEnv):
    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        observations, _ = super().reset(seed=seed, options=options)
        return observations, {}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (SeedlessParallel, "the same seed on"),
        (UnmaskedParallel, "a masked action of half_. is accepted"),
        (ListParallel, "parallel"),
    ],
)
def test_multi_agent_defects_are_caught(broken: type[QueueParallelEnv], message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        testing.check_parallel(broken)


def test_an_unknown_check_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'masks'"):
        check_environment(ID, skip=["mask"])


def test_golden_trajectories_change_only_with_the_version(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "golden.json"
    testing.write_golden(path, [(ID, {"scenario": "plain"}, "1")])

    def check(version: str = "1", scenario: str = "plain") -> None:
        testing.check_golden(path, ID, {"scenario": scenario}, version=version, update="UPDATE")

    check()
    with pytest.raises(ConformanceError, match="recorded with simulator version 1, now 2"):
        check(version="2")
    with pytest.raises(ConformanceError, match="has no golden trajectory; run: UPDATE"):
        check(scenario="slow")
    monkeypatch.setattr(queue_env, "LONGEST_US", 21)
    with pytest.raises(ConformanceError, match="raise SIMULATOR_VERSION"):
        check()
