"""The pair policy: what it can represent, what it is indifferent to, its arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from chipgym.agents.sb3.pair_layout import PairLayout, find_layout
from chipgym.agents.sb3.pair_network import MASKED, PairNetwork
from chipgym.agents.sb3.pair_policy import PairPolicy
from chipgym.simulators.core.errors import InvalidValueError

R, P = 4, 3
LAYOUT = PairLayout(R, P, 0, 2, 0, R * P * 2, 2, R * P * 2 + R * 2, 2, R * P * 2 + R * 2 + P * 2, 2)
SIZE = LAYOUT.global_offset + 2


def observations(batch: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((batch, SIZE), generator=generator) + 0.01


def policy(num_actions: int = R * P + 1, **arguments: Any) -> PairPolicy:
    torch.manual_seed(0)
    return PairPolicy(
        spaces.Box(0.0, 2.0, (SIZE,)),
        spaces.Discrete(num_actions),
        lambda _: 1e-3,
        LAYOUT.to_dict(),
        **arguments,
    )


def finishes(batch: Tensor) -> Tensor:
    return batch[:, : R * P * 2].view(-1, R * P, 2)[:, :, 0]


def test_with_the_prior_it_starts_as_earliest_finish() -> None:
    batch = observations(200)
    masks = torch.rand((200, R * P + 1), generator=torch.Generator().manual_seed(1)) < 0.5
    masks[:, 0] = True
    actions, _, _ = policy(eft_prior=1000.0, other_logit=-50.0)(batch, True, masks)
    valid = finishes(batch).masked_fill(~masks[:, : R * P], torch.inf)
    assert torch.equal(actions, valid.argmin(dim=1))


def test_without_the_prior_it_starts_nearly_uniform() -> None:
    batch = observations(50)
    masks = torch.ones((50, R * P + 1), dtype=torch.bool)
    masks[:, 5:] = False
    _, _, entropy = policy().evaluate_actions(batch, torch.zeros(50), masks)
    assert entropy.min() > 0.98 * np.log(5)


def test_masked_actions_have_probability_zero() -> None:
    batch = observations(64)
    masks = np.random.default_rng(0).random((64, R * P + 1)) < 0.3
    masks[:, 7] = True
    agent = policy(eft_prior=5.0)
    for _ in range(20):
        actions, _, log_prob = agent(batch, False, masks)
        assert masks[np.arange(64), actions.numpy()].all()
        assert torch.isfinite(log_prob).all()


def test_its_parts_agree_with_one_another_and_with_sb3_contribs_distribution() -> None:
    batch = observations(32)
    masks = torch.rand((32, R * P + 1), generator=torch.Generator().manual_seed(2)) < 0.4
    masks[:, 3] = True
    agent = policy(eft_prior=3.0)
    actions, values, log_prob = agent(batch, False, masks)
    again_values, again, entropy = agent.evaluate_actions(batch, actions, masks)
    distribution = agent.get_distribution(batch, masks.numpy())
    torch.testing.assert_close(again, log_prob)
    torch.testing.assert_close(again_values, values)
    torch.testing.assert_close(agent.predict_values(batch), values)
    torch.testing.assert_close(distribution.log_prob(actions), log_prob)
    torch.testing.assert_close(distribution.entropy(), entropy)


def test_the_order_of_the_slots_does_not_matter() -> None:
    batch = observations(16)
    turn = torch.tensor([2, 0, 3, 1])
    turned = batch.clone()
    pairs = batch[:, : R * P * 2].view(16, R, P * 2)
    turned[:, : R * P * 2] = pairs[:, turn].reshape(16, -1)
    tasks = batch[:, R * P * 2 : R * P * 2 + R * 2].view(16, R, 2)
    turned[:, R * P * 2 : R * P * 2 + R * 2] = tasks[:, turn].reshape(16, -1)
    network = PairNetwork(LAYOUT, R * P, eft_prior=2.0)
    torch.nn.init.normal_(network.pair_out.weight)

    def logits(rows: Tensor) -> Tensor:
        blocks = network.blocks(rows)
        return network.logits(blocks, network.pooled(blocks), None).view(16, R, P)

    torch.testing.assert_close(logits(turned), logits(batch)[:, turn])


def test_only_valid_pairs_count() -> None:
    """What stands in masked slots changes no probability, as far as the task is absent."""
    batch = observations(8)
    batch[:, R * P * 2 + 2 : R * P * 2 + R * 2] = 0.0  # one task only, in slot 0
    masks = torch.zeros((8, R * P + 1), dtype=torch.bool)
    masks[:, :P] = True
    noisy = batch.clone()
    noisy[:, P * 2 : R * P * 2] = 9.0
    agent = policy(eft_prior=2.0)
    actions = torch.zeros(8)
    for a, b in zip(
        agent.evaluate_actions(batch, actions, masks),
        agent.evaluate_actions(noisy, actions, masks),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_every_weight_learns() -> None:
    agent = policy(eft_prior=1.0)
    batch = observations(32)
    masks = torch.ones((32, R * P + 1), dtype=torch.bool)
    values, log_prob, entropy = agent.evaluate_actions(batch, torch.arange(32) % (R * P), masks)
    (log_prob.sum() + entropy.sum() + values.sum()).backward()
    for name, weight in agent.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.abs().sum() > 0, name


def test_ordering_form_scores_a_slot_by_its_best_pair() -> None:
    batch = observations(40)
    agent = policy(num_actions=R, eft_prior=1000.0)
    masks = torch.ones((40, R), dtype=torch.bool)
    actions, _, _ = agent(batch, True, masks)
    assert torch.equal(actions, finishes(batch).view(40, R, P).amin(dim=2).argmin(dim=1))


def test_layouts_and_spaces_are_checked(make_env: Any) -> None:
    assert find_layout(object()) is None
    found = find_layout(make_env())
    assert found is not None
    assert PairLayout.from_dict(found.to_dict()) == found
    with pytest.raises(InvalidValueError, match="num_actions"):
        policy(num_actions=5)
    assert MASKED < -1e6
