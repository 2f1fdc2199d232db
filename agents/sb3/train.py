"""Trains an agent with Stable-Baselines3 or sb3-contrib from plain hyperparameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from chipgym.agents.core.hyperparameters import load_hyperparameters
from chipgym.agents.sb3.adapter import VectorEnvAdapter
from chipgym.agents.sb3.arguments import SCHEDULED, check_hyperparameters
from chipgym.agents.sb3.callbacks import CurveRecorder, Record
from chipgym.agents.sb3.models import (
    ALGORITHMS,
    MASKABLE,
    ON_POLICY,
    check_action_space,
    network_arguments,
    network_class,
    schedule_of,
)
from chipgym.agents.sb3.pair_layout import PairLayout, find_fields, numbered_columns
from chipgym.agents.sb3.parts import PartedTraining
from chipgym.agents.sb3.policy import SavedPolicy
from chipgym.agents.sb3.selection import BestKeeper
from chipgym.simulators.core.errors import (
    InvalidValueError,
    SimulationError,
    UnknownNameError,
    check_range,
)

__all__ = ["EnvFactory", "TrainingResult", "train_agent"]

EnvFactory = Callable[[int], VectorEnv[Any, Any, Any]]
# Added to the seed of training for the episodes on which the best network is chosen.
SELECTION = 1_000_003


@dataclass(frozen=True)
class TrainingResult:
    """What training leaves.

    Attributes
    ----------
    policy : SavedPolicy
        The trained agent, deterministic; `SavedPolicy.save` keeps it.
    curve : list of dict
        The learning curve, see `CurveRecorder`.
    steps : int
        Environment steps taken, all copies together.
    evaluations : int
        Simulator evaluations of the episodes that ended, selection included.
    """

    policy: SavedPolicy
    curve: list[Record]
    steps: int
    evaluations: int


def train_agent(
    algorithm: str,
    env_factory: EnvFactory,
    total_steps: int,
    seed: int,
    hyperparams: Mapping[str, Any] | None = None,
    num_envs: int | None = None,
    callback: Callable[[Record], bool | None] | BaseCallback | None = None,
    tensorboard: str | None = None,
    *,
    evaluate: Callable[[SavedPolicy], Mapping[str, float]] | None = None,
    record_every: int | None = None,
    name: str | None = None,
    description: Mapping[str, Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> TrainingResult:
    """Train an agent; the same arguments give the same weights on the same machine.

    Parameters
    ----------
    algorithm : str
        ``maskable_ppo``, ``ppo``, ``a2c``, ``dqn`` or ``sac``. All but ``sac`` choose among
        options: one (`Discrete`) or, except ``dqn``, several at once (`MultiDiscrete`); ``ppo``,
        ``a2c`` and ``sac`` set real numbers (`Box`).
    env_factory : callable
        Given the number of copies, returns a Gymnasium vector environment in autoreset mode
        SAME_STEP or DISABLED. It is closed at the end.
    total_steps : int
        Environment steps, all copies together; the last rollout may exceed it.
    seed : int
        Seed of the weights, the exploration and the environment.
    hyperparams : mapping, optional
        Values as in `agents/hyperparams/*.yaml`, by default the algorithm's default entry. Beside
        SB3's arguments: ``policy`` and ``policy_kwargs``, ``num_envs``, ``reward_scale`` (see
        `VectorEnvAdapter`) and ``keep_best``, the number of training episodes on which the best of
        eleven snapshots is chosen (see `BestKeeper`; 0: the last one is kept), and for the pair
        network ``use_masking`` (false: it chooses among all actions, and masked ones are repaired
        as for other algorithms).
    num_envs : int, optional
        Copies, by default the ``num_envs`` of the hyperparameters.
    callback : callable or BaseCallback, optional
        Called with each record of the learning curve (False stops the training); or a callback of
        SB3 to run as well.
    tensorboard : str, optional
        Folder for TensorBoard.
    evaluate : callable, optional
        Called with the present policy at each record; what it returns joins the learning curve.
    record_every : int, optional
        Steps between records, by default a twentieth of `total_steps`.
    name, description : optional
        Of the resulting policy.
    checkpoint : path, optional
        File that is rewritten after each tenth of the training; where it exists, training goes on
        from it. Each tenth then begins with new episodes and a seed of its own, so that a training
        that was interrupted ends with the weights of one that was not. For algorithms that learn
        from one rollout at a time; with a plain callback and without `evaluate`.

    Raises
    ------
    FileFormatError
        The checkpoint is damaged, or of another training.

    Notes
    -----
    PyTorch is set to one thread: the networks are small, and only so the result repeats.
    """
    if algorithm not in ALGORITHMS:
        raise UnknownNameError("algorithm", algorithm, ALGORITHMS)
    check_range("total_steps", total_steps, 1)
    values = dict(load_hyperparameters(algorithm).values if hyperparams is None else hyperparams)
    check_hyperparameters(algorithm, values)
    copies = int(values.pop("num_envs", 8) if num_envs is None else num_envs)
    values.pop("num_envs", None)
    check_range("num_envs", copies, 1)
    kind = str(values.pop("policy", "mlp"))
    settings = dict(values.pop("policy_kwargs", {}))
    if checkpoint is not None:
        _check_parts(algorithm, callback, evaluate)
    identity = {"algorithm": algorithm, "seed": seed, "total_steps": total_steps}
    identity |= {"num_envs": copies, "policy": kind, "policy_kwargs": dict(settings), **values}
    masking = bool(values.pop("use_masking", True))
    scale = float(values.pop("reward_scale", 1.0))
    contenders = int(values.pop("keep_best", 0))
    torch.set_num_threads(1)

    def make_envs(count: int) -> VectorEnvAdapter:
        repair = algorithm not in MASKABLE or not masking
        return VectorEnvAdapter(env_factory(count), repair=repair, reward_scale=scale)

    envs = make_envs(copies)
    try:
        check_action_space(algorithm, envs.action_space)
        if kind == "pair":
            settings = _pair_settings(settings, envs)
        if not masking:
            if kind != "pair":
                raise InvalidValueError("use_masking", False, f"true with the policy {kind}")
            settings["masked"] = False
        model = _build(algorithm, kind, settings, values, envs, seed, tensorboard)
        policy = SavedPolicy(
            model.policy, algorithm, kind, settings, name=name, description=description
        )
        recorder = CurveRecorder(
            record_every or max(total_steps // 20, 1),
            None if evaluate is None else lambda: _evaluated(policy, evaluate),
            None if isinstance(callback, BaseCallback) else callback,
        )
        callbacks: list[BaseCallback] = [recorder]
        if isinstance(callback, BaseCallback):
            callbacks.append(callback)
        options = {"use_masking": masking and envs.has_masks} if algorithm in MASKABLE else {}
        if checkpoint is not None:
            judge = (lambda: make_envs(contenders)) if contenders > 0 else None
            parts = PartedTraining(model, policy, recorder, Path(checkpoint), identity, judge)

            def train_part(steps: int, listeners: list[BaseCallback]) -> None:
                _learn(model, steps, listeners, {**options, "reset_num_timesteps": False})

            parts.learn(train_part, total_steps, seed, seed + SELECTION)
            model.policy.set_training_mode(False)
            evaluations = recorder.evaluations + parts.evaluations
            return TrainingResult(policy, recorder.curve, int(model.num_timesteps), evaluations)
        keeper = None
        if contenders > 0:
            every = max(total_steps // 10, 1)
            keeper = BestKeeper(policy, lambda: make_envs(contenders), every, seed + SELECTION)
            callbacks.append(keeper)
        _learn(model, total_steps, callbacks, options)
    finally:
        envs.close()
    model.policy.set_training_mode(False)
    evaluations = recorder.evaluations + (keeper.evaluations if keeper else 0)
    return TrainingResult(policy, recorder.curve, int(model.num_timesteps), evaluations)


def _check_parts(algorithm: str, callback: Any, evaluate: Any) -> None:
    """Refuse what a training in parts cannot do."""
    if algorithm not in ON_POLICY:
        raise InvalidValueError("algorithm", algorithm, ", ".join(sorted(ON_POLICY)))
    if isinstance(callback, BaseCallback) or evaluate is not None:
        raise InvalidValueError(
            "checkpoint", "a path", "no callback of SB3 and no evaluate with it"
        )


def _pair_settings(settings: Mapping[str, Any], envs: VectorEnvAdapter) -> dict[str, Any]:
    """Settings of the pair network with the layout of the environment, and columns by number."""
    fields = find_fields(envs.envs)
    if fields is None:
        raise InvalidValueError(
            "policy", "pair", "'mlp' for an environment without observation_layout"
        )
    unseen = settings.get("unseen", {})
    layout = PairLayout.from_fields(fields, unseen.get("pairs", ()))
    found = {**settings, "layout": layout.to_dict()}
    if unseen:
        found["unseen"] = numbered_columns(fields, unseen)
    return found


def _build(
    algorithm: str,
    kind: str,
    settings: Mapping[str, Any],
    values: Mapping[str, Any],
    envs: VectorEnvAdapter,
    seed: int,
    tensorboard: str | None,
) -> Any:
    arguments = dict(values)
    for key in SCHEDULED:
        if key in arguments:
            arguments[key] = schedule_of(arguments[key])
    if algorithm in ON_POLICY and "n_steps" in arguments and "batch_size" in arguments:
        # A batch cannot hold more than a rollout, and with few copies a rollout may be short.
        rollout = arguments["n_steps"] * envs.num_envs
        arguments["batch_size"] = min(arguments["batch_size"], rollout)
    try:
        model = ALGORITHMS[algorithm](
            network_class(algorithm, kind),
            envs,
            policy_kwargs=network_arguments(settings),
            seed=seed,
            device="cpu",
            verbose=0,
            tensorboard_log=tensorboard,
            **arguments,
        )
    except (AssertionError, TypeError, ValueError) as error:
        known = "values that " + ALGORITHMS[algorithm].__name__
        raise InvalidValueError("hyperparams", arguments, f"{known} takes ({error})") from error
    if tensorboard is None:
        # SB3's own default makes an empty folder in the system's temporary one for every model.
        model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def _learn(
    model: Any, total_steps: int, callbacks: list[BaseCallback], options: Mapping[str, Any]
) -> None:
    """Train; where that fails because the weights are no numbers any more, say so.

    Raises
    ------
    SimulationError
        The training diverged.
    """
    try:
        model.learn(total_steps, callback=callbacks, **options)
    except ValueError as error:
        if all(bool(torch.isfinite(weights).all()) for weights in model.policy.parameters()):
            raise
        raise SimulationError(
            f"the training diverged after {model.num_timesteps} steps, its weights are not finite; "
            "a lower learning_rate, or a larger batch_size or rollout, may help"
        ) from error


def _evaluated(
    policy: SavedPolicy, evaluate: Callable[[SavedPolicy], Mapping[str, float]]
) -> Mapping[str, float]:
    """Evaluate without disturbing the training: its mode and PyTorch's random numbers are kept."""
    state = torch.get_rng_state()
    policy.network.set_training_mode(False)
    try:
        return evaluate(policy)
    finally:
        torch.set_rng_state(state)
