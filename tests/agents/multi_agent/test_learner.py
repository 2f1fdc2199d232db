"""The parts of PPO against slow and obvious forms of the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cooperative_games import Climbing, HiddenState, Mixed, Relay
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chipgym.agents.multi_agent.arguments import PPOArguments, check_hyperparameters, value_at
from chipgym.agents.multi_agent.buffer import Rollout, advantages_of
from chipgym.agents.multi_agent.difference import DifferenceRewards
from chipgym.agents.multi_agent.distributions import Actions, JointDistribution
from chipgym.agents.multi_agent.networks import AgentNetworks, NetworkShape
from chipgym.agents.multi_agent.normalise import RunningMoments
from chipgym.agents.multi_agent.ppo import Learner
from chipgym.agents.multi_agent.spaces import JointSpaces
from chipgym.agents.multi_agent.vector import ParallelVector
from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def networks(env: Any, *, shared: bool = False, state_size: int = 0) -> AgentNetworks:
    return AgentNetworks(JointSpaces.of(env), NetworkShape(shared, state_size, (8,)), generator())


def collected(env: Any, **shape: Any) -> tuple[Learner, Rollout, Any]:
    """A learner with a full rollout of 16 steps, and the values after it."""
    envs = ParallelVector(env, 2)
    seen = envs.reset(0)
    learner = Learner(networks(env(), **shape), PPOArguments(), generator())
    rollout = Rollout.empty(envs.joint, shape.get("state_size", 0), 16, 2)
    for step in range(16):
        outcome = learner.collect(envs, seen, rollout, step)
        seen = envs.seen() if outcome.reports else outcome.last
    return learner, rollout, learner.values(*learner.scaled(seen, learn=False))


class TestAdvantages:
    @given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
    @settings(deadline=None)
    def test_they_are_sums_of_discounted_errors(self, seed: int, gamma: float, lam: float) -> None:
        rng = np.random.default_rng(seed)
        steps = int(rng.integers(1, 7))
        rollout = Rollout.empty(JointSpaces.of(Climbing()), 0, steps, 2)
        shape = (steps, 2, 2)
        rollout.rewards[:], rollout.values[:] = rng.normal(size=(2, *shape))
        rollout.ended[:] = rng.random(shape) < 0.3
        rollout.bootstraps[:] = rng.normal(size=shape) * (rollout.ended & (rng.random(shape) < 0.5))
        rollout.present[:] = True
        last = rng.normal(size=(2, 2)).astype(np.float32)
        found = advantages_of(rollout, last, gamma, lam)
        values = np.concatenate([rollout.values, last[None]])
        for t, n, a in np.ndindex(shape):
            expected, weight = 0.0, 1.0
            for later in range(t, steps):
                over = rollout.ended[later, n, a]
                following = 0.0 if over else values[later + 1, n, a]
                following += rollout.bootstraps[later, n, a]
                error = rollout.rewards[later, n, a] + gamma * following - values[later, n, a]
                expected += weight * error
                weight *= gamma * lam
                if over:
                    break
            assert found[t, n, a] == pytest.approx(expected, rel=1e-4, abs=1e-4)

    def test_a_limit_of_time_is_bootstrapped_and_an_end_is_not(self) -> None:
        _, rollout, _ = collected(Relay)
        assert (rollout.bootstraps != 0).any()
        # An agent that left by itself has nothing after it.
        left = rollout.ended & (rollout.choices[..., 0] == 0)
        assert left.any()
        assert not rollout.bootstraps[left].any()
        cut = rollout.ended & ~left
        assert cut.any()
        assert rollout.bootstraps[cut].all()

    def test_absent_agents_have_none(self) -> None:
        _, rollout, values = collected(Relay)
        assert not rollout.present.all()
        found = advantages_of(rollout, values, 0.99, 0.95)
        assert not found[~rollout.present].any()
        assert found[rollout.present].any()


class TestSharing:
    def moved(self, agent: int, **shape: Any) -> list[bool]:
        """Which agents' policies change when one agent alone has something to learn."""
        learner, rollout, values = collected(Climbing, **shape)
        learner.arguments = PPOArguments(normalize_advantage=False, ent_coef=0.0, vf_coef=0.0)
        rollout.rewards[..., [a for a in (0, 1) if a != agent]] = 0.0
        rollout.values[:], values[:] = 0.0, 0.0
        learner.return_moments = RunningMoments((2,), False)
        learner.arguments = PPOArguments(
            normalize_advantage=False, ent_coef=0.0, vf_coef=0.0, normalize_returns=False
        )
        rollout.rewards[..., agent] = rollout.choices[..., agent, 0] + 1.0
        observations = torch.ones(1, 2, 1)
        masks = torch.ones(1, 2, 1, 3, dtype=torch.bool)
        before = learner.networks.policy(observations, masks).log_prob_options.detach().clone()
        learner.update(rollout, values, 1.0)
        after = learner.networks.policy(observations, masks).log_prob_options
        return [bool((before[0, a] != after[0, a]).any()) for a in (0, 1)]

    def test_independent_learners_do_not_touch_one_another(self) -> None:
        assert self.moved(0) == [True, False]
        assert self.moved(1) == [False, True]

    def test_shared_parameters_move_everybody(self) -> None:
        assert self.moved(0, shared=True) == [True, True]

    def test_numbers_of_parameters(self) -> None:
        def count(module: torch.nn.Module) -> int:
            return sum(part.numel() for part in module.parameters())

        own, one = networks(Climbing()), networks(Climbing(), shared=True)
        central = networks(Climbing(), state_size=5)
        assert count(own.actor) == 2 * (1 * 8 + 8 + 8 * 3 + 3)
        assert count(one.actor) == 3 * 8 + 8 + 8 * 3 + 3
        assert count(central.critic) == 5 * 8 + 8 + 8 * 2 + 2

    def test_agents_of_one_network_are_told_apart(self) -> None:
        net = networks(Climbing(), shared=True)
        torch.nn.init.normal_(net.actor[-1].weight, generator=generator())  # type: ignore[arg-type]
        found = net.policy(torch.ones(1, 2, 1), torch.ones(1, 2, 1, 3, dtype=torch.bool))
        assert (found.log_prob_options[0, 0] != found.log_prob_options[0, 1]).any()

    def test_gradients_are_cut_for_each_network_apart(self) -> None:
        net = networks(Climbing())
        for part in net.parameters():
            part.grad = torch.zeros_like(part)
            part.grad[0] = 100.0
            if part.numel():
                part.grad[1] = 1e-3
        net.clip_gradients(0.5)
        parts = [part.grad for part in net.actor.parameters() if part.grad is not None]
        lengths = torch.stack([part.square().flatten(1).sum(dim=1) for part in parts]).sum(0).sqrt()
        assert lengths[0] == pytest.approx(0.5, rel=1e-3)
        assert all((part[1] == 1e-3).all() for part in parts)


class TestCentralCritic:
    def train(self, state: bool) -> Any:
        learner, rollout, values = collected(HiddenState, state_size=2 if state else 0)
        learner.arguments = PPOArguments(batch_size=32, n_epochs=200, learning_rate=1e-2)
        learner.update(rollout, values, 1.0)
        observations = learner.observation_moments.scale(np.ones((2, 2, 1)))
        states = np.array([[0.0, 1.0], [1.0, 1.0]], dtype=np.float32)[:, None]
        scaled = learner.state_moments.scale(states)[:, 0] if state else states[:, 0, :0]
        return learner.values(observations, scaled)

    def test_it_sees_the_state(self) -> None:
        """The payoff is 0 or 10 by a coin that no agent sees."""
        found = self.train(True)
        np.testing.assert_allclose(found, [[0.0, 0.0], [10.0, 10.0]], atol=0.5)

    def test_critics_of_the_agents_do_not(self) -> None:
        found = self.train(False)
        np.testing.assert_array_equal(found[0], found[1])

    def test_without_a_state_it_sees_all_observations(self) -> None:
        envs = ParallelVector(Relay, 2)
        seen = envs.reset(0)
        assert not envs.has_state
        np.testing.assert_array_equal(seen.states, seen.observations.reshape(2, -1))
        envs = ParallelVector(HiddenState, 2)
        np.testing.assert_array_equal(envs.reset(0).states[:, 1], 1.0)
        assert envs.state_size == 2


class TestDistribution:
    def test_masked_options_are_never_drawn_and_have_no_share(self) -> None:
        masks = torch.tensor([[[[True, False, True]]]]).expand(500, 1, 1, 3)
        logits = torch.tensor([0.0, 50.0, 1.0]).expand(500, 1, 1, 3)
        empty = torch.zeros(500, 1, 0)
        found = JointDistribution(logits, masks, empty, torch.zeros(1, 0), torch.zeros(1, 0))
        drawn = found.sample(generator()).choices
        assert set(drawn.unique().tolist()) == {0, 2}
        share = (drawn == 2).float().mean().item()
        assert share == pytest.approx(1 / (1 + np.exp(-1)), abs=0.06)
        p = 1 / (1 + np.exp(-1))
        assert found.entropy()[0, 0] == pytest.approx(-p * np.log(p) - (1 - p) * np.log(1 - p))

    def test_padding_changes_neither_probability_nor_entropy(self) -> None:
        joint = JointSpaces.of(Mixed())
        masks = torch.from_numpy(joint.padding)[None]
        logits = torch.randn(1, 3, joint.choices, joint.options, generator=generator())
        mean = torch.randn(1, 3, joint.reals, generator=generator(1))
        log_std = torch.full((3, joint.reals), -0.5)
        has_real = torch.as_tensor(joint.has_real, dtype=torch.float32)
        found = JointDistribution(logits, masks, mean, log_std, has_real)
        actions = found.sample(generator(2))
        log_prob, entropy = found.log_prob(actions)[0], found.entropy()[0]
        chooser = torch.distributions.Categorical(logits=logits[0, 0, 0, :4])
        assert log_prob[0].item() == pytest.approx(
            chooser.log_prob(actions.choices[0, 0, 0]).item(), rel=1e-5
        )
        assert entropy[0].item() == pytest.approx(chooser.entropy().item(), rel=1e-5)
        real = torch.distributions.Normal(mean[0, 2], log_std[2].exp())
        assert log_prob[2].item() == pytest.approx(
            real.log_prob(actions.reals[0, 2]).sum().item(), rel=1e-4
        )
        assert entropy[2].item() == pytest.approx(real.entropy().sum().item(), rel=1e-5)
        best = found.best()
        assert found.log_prob(Actions(best.choices, best.reals)).ge(log_prob - 1e-6).all()


class TestMoments:
    @given(
        arrays(np.float64, (7, 2, 3), elements=st.floats(-100, 100, width=32)),
        arrays(np.bool_, (7, 2)),
        st.integers(0, 7),
        st.booleans(),
    )
    def test_they_equal_numpys(self, rows: Any, present: Any, cut: int, pooled: bool) -> None:
        moments = RunningMoments((2, 3), pooled)
        moments.update(rows[:cut], present[:cut])
        moments.update(rows[cut:], present[cut:])
        for agent in range(1 if pooled else 2):
            seen = rows[present] if pooled else rows[:, agent][present[:, agent]]
            if len(seen):
                np.testing.assert_allclose(moments.mean[agent], seen.mean(axis=0), atol=1e-8)
                np.testing.assert_allclose(moments.variance[agent], seen.var(axis=0), atol=1e-6)

    def test_scaled_rows_are_cut_and_constants_stay_small(self) -> None:
        moments = RunningMoments((1, 2), False)
        moments.update(np.array([[[1.0, 5.0]], [[3.0, 5.0]]]), np.ones((2, 1), dtype=bool))
        np.testing.assert_allclose(moments.scale(np.array([[[3.0, 5.0]]])), [[[1.0, 0.0]]])
        assert moments.scale(np.array([[[1e6, 5.0]]])).max() == 10.0


class TestDifference:
    def test_agents_are_paid_for_their_own_part(self) -> None:
        env = DifferenceRewards(Climbing())
        env.reset(seed=0)
        _, paid, _, _, infos = env.step({"row": 1, "column": 2})
        assert paid == {"row": 6.0 - 0.0, "column": 6.0 - -5.0}
        assert infos["row"]["evaluations"] == 3

    def test_environments_may_say_it_themselves(self) -> None:
        class Saying(Climbing):
            def counterfactual_rewards(self, actions: dict[str, Any]) -> dict[str, float]:
                return {"row": 1.0, "column": 2.0}

        env = DifferenceRewards(Saying())
        env.reset(seed=0)
        _, paid, _, _, infos = env.step({"row": 1, "column": 2})
        assert paid == {"row": 5.0, "column": 4.0}
        assert infos["row"]["evaluations"] == 1

    def test_defaults_keep_to_masks_and_bounds(self) -> None:
        env = DifferenceRewards(Relay())
        env.reset(seed=0)
        _, paid, _, _, _ = env.step({"first": 1, "second": 1, "third": 1})
        assert paid == {"first": 0.0, "second": 0.0, "third": 0.0}
        env = DifferenceRewards(Mixed())
        env.reset(seed=0)
        best = {"chooser": 4, "twice": np.array([1, 2]), "real": np.float32([1.5, 2.0])}
        _, paid, _, _, _ = env.step(best)
        assert paid == pytest.approx({"chooser": 2 / 5, "twice": 3 / 5, "real": 1.0 / 5})


class TestArguments:
    @pytest.mark.parametrize(
        ("name", "value", "allowed"),
        [
            ("n_steps", 0, "an integer >= 1"),
            ("num_envs", True, "an integer >= 1"),
            ("gamma", 1.5, ">= 0 and <= 1"),
            ("learning_rate", -1, "a number >= 0, or a mapping"),
            ("learning_rate", "fast", "a number >= 0, or a mapping"),
            ("ent_coef", {"start": 1}, "a number >= 0, or a mapping"),
            ("clip_range_vf", -1, ">= 0"),
            ("net_arch", 64, "a list of integers"),
            ("net_arch", [0], "a list of integers"),
            ("normalize_returns", 1, "true or false"),
            ("reward_scale", 0, "> 0"),
            ("log_std_init", "low", "a finite number"),
        ],
    )
    def test_wrong_values_are_named(self, name: str, value: Any, allowed: str) -> None:
        with pytest.raises(InvalidValueError, match=allowed) as caught:
            check_hyperparameters("ippo", {name: value})
        assert caught.value.field == name

    def test_unknown_names_are_named(self) -> None:
        with pytest.raises(UnknownNameError, match="activation"):
            check_hyperparameters("ippo", {"activation": "gelu"})
        with pytest.raises(UnknownNameError, match="did you mean 'ippo'"):
            check_hyperparameters("ipo", {})

    def test_schedules_are_linear(self) -> None:
        assert value_at(0.5, 0.3) == 0.5
        assert value_at({"start": 3.0, "end": 1.0}, 1.0) == 3.0
        assert value_at({"start": 3.0, "end": 1.0}, 0.25) == 1.5
