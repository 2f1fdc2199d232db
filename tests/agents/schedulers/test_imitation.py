"""The pair-attention network: symmetric, masked, taught by examples, repeatable, stored whole."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from chipgym.agents.schedulers.imitation import (
    LearnedScheduler,
    Lessons,
    imitate,
    new_network,
)
from chipgym.simulators.core.errors import InvalidValueError

SLOTS, PES = 3, 4
SIZE = SLOTS * PES * 6 + SLOTS * 7 + PES * 6 + 7


def lessons(count: int, seed: int = 0) -> Lessons:
    """Decisions whose answer is the legal pair of least first feature."""
    rng = np.random.default_rng(seed)
    observations = rng.random((count, SIZE), dtype=np.float32)
    masks = rng.random((count, SLOTS * PES + 1)) < 0.6
    masks[:, 0] = True
    first = observations[:, : SLOTS * PES * 6 : 6]
    actions = np.where(masks[:, :-1], first, np.inf).argmin(axis=1)
    return Lessons(SLOTS, PES, observations, masks, actions)


def test_masked_actions_are_never_taken():
    part = lessons(200)
    scheduler = LearnedScheduler(network=new_network(8, 0), num_slots=SLOTS, num_pes=PES)
    actions = scheduler.act(part.observations, part.masks, None)
    assert part.masks[np.arange(200), actions].all()


def test_the_order_of_slots_does_not_matter():
    part = lessons(1)
    network = new_network(8, 1)
    order = np.array([2, 0, 1])
    pairs, tasks, rest = np.split(part.observations[0], [SLOTS * PES * 6, SIZE - PES * 6 - 7])
    swapped = np.concatenate(
        [pairs.reshape(SLOTS, -1)[order].ravel(), tasks.reshape(SLOTS, -1)[order].ravel(), rest]
    )
    mask = part.masks[0]
    moved = np.append(mask[:-1].reshape(SLOTS, PES)[order].ravel(), mask[-1])
    with torch.no_grad():
        logits = network(torch.from_numpy(part.observations), torch.from_numpy(mask[None]), 3, 4)
        other = network(torch.from_numpy(swapped[None]), torch.from_numpy(moved[None]), 3, 4)
    expected = np.append(logits[0, :-1].numpy().reshape(SLOTS, PES)[order].ravel(), logits[0, -1])
    np.testing.assert_allclose(other[0].numpy(), expected, rtol=1e-5, atol=1e-5)


def test_a_rule_is_learnt_from_examples():
    network = new_network(16, 0)
    losses = imitate(network, [lessons(3000)], epochs=12, seed=0, batch_size=128)
    assert losses[-1] < losses[0]
    unseen = lessons(500, seed=1)
    scheduler = LearnedScheduler(network=network, num_slots=SLOTS, num_pes=PES)
    actions = scheduler.act(unseen.observations, unseen.masks, None)
    assert (actions == unseen.actions).mean() > 0.7


def test_the_same_seed_gives_the_same_weights_and_files_keep_them(tmp_path):
    networks = [new_network(8, 3) for _ in range(2)]
    for network in networks:
        imitate(network, [lessons(300)], epochs=2, seed=4)
    LearnedScheduler(network=networks[0]).save(tmp_path / "a.npz")
    LearnedScheduler(network=networks[1]).save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    part = lessons(50)
    loaded = LearnedScheduler(tmp_path / "a.npz", num_slots=SLOTS, num_pes=PES)
    direct = LearnedScheduler(network=networks[0], num_slots=SLOTS, num_pes=PES)
    expected = direct.act(part.observations, part.masks, None)
    assert (loaded.act(part.observations, part.masks, None) == expected).all()


def test_a_scheduler_without_weights_or_shape_is_refused():
    with pytest.raises(InvalidValueError):
        LearnedScheduler()
    part = lessons(2)
    with pytest.raises(InvalidValueError, match="shape"):
        LearnedScheduler(network=new_network(8, 0)).act(part.observations, part.masks, None)
