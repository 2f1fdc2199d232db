"""NASAIC as a searcher: asks for designs, is told their scores, learns by REINFORCE."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chipgym.agents.papers.nasaic.episode import Episode, MovingBaseline, Trial
from chipgym.agents.papers.nasaic.settings import NasaicSettings
from chipgym.agents.search.base import SpaceSearcher
from chipgym.agents.search.codec import Point

__all__ = ["HARDWARE", "NasaicSearcher"]

HARDWARE = "hardware"
"""Kind of the segments of a space that describe the chip; see `FeasibleMultiDiscrete.segments`."""

MAX_OPTIONS = 1024
"""Choices of a knob beyond which it is cut into cells."""

MAX_OPEN = 16
"""Episodes that may wait for scores; older ones are given up."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class NasaicSearcher(SpaceSearcher[NasaicSettings]):
    """The controller of NASAIC (Yang et al., DAC 2020).

    One LSTM decides a design knob by knob: a segment for each network, then one for each
    sub-accelerator. The optimiser selector switches between two kinds of steps. In a joint step
    all is drawn; then come `hardware_steps` steps in which the networks stay and only the chip is
    drawn. After them, the choices of the networks and of the episode's best chip are reinforced by
    the best score, and all chips by their penalties alone (a score of 0 and above has none), each
    against a moving average. Networks are trained by whoever gives the scores, and need not be
    where no chip meets the specifications (early pruning), as in ``chipgym/CoDesignOneShot-v0``.
    An episode therefore costs one training for each of its networks at most.

    The space says what its knobs are by ``segments`` and ``options`` (`FeasibleMultiDiscrete`). In
    a space that does not, all knobs are one segment, and each episode is one design.

    Two things are ours. Chips and designs have a moving average each, because only the second kind
    of rewards holds an accuracy. And advantages are divided by a moving deviation, with a little
    entropy in the loss; both can be turned off.
    """

    name = "nasaic"
    Settings = NasaicSettings
    GRID: ClassVar[dict[str, tuple[Any, ...]]] = {
        "hardware_steps": (0, 5, 10, 20),
        "learning_rate": (0.003, 0.01, 0.03),
        "entropy": (0.02, 0.1, 0.3),
    }

    def _prepare(self) -> None:
        # PyTorch is slow to import, and the other searchers do without it.
        from torch.optim import RMSprop

        from chipgym.agents.core.torch_tools import seeded
        from chipgym.agents.papers.nasaic.controller import Controller

        counts = self.codec.counts
        self._binned = (counts == 0) | (counts > MAX_OPTIONS)
        options = np.where(self._binned, self.settings.bins, counts)
        segments, self._first_hardware = _segments(self.codec.space, len(counts))
        with seeded(self.seed):
            self._controller = Controller(options.tolist(), segments, self.settings.hidden)
        self._optimiser = RMSprop(self._controller.parameters(), lr=self.settings.learning_rate)
        self._designs = MovingBaseline(self.settings.baseline)
        self._chips = MovingBaseline(self.settings.baseline)
        self._open: list[Episode] = []
        self._updates = 0

    @property
    def updates(self) -> int:
        """Episodes that were learnt from."""
        return self._updates

    def _propose(self) -> tuple[Point, Trial]:
        episode = self._current()
        if not episode.trials:
            trial = self._draw(episode, 0, self._controller.start)
        else:
            state = self._state_after_networks(episode)
            trial = self._draw(episode, self._first_hardware, state)
        episode.trials.append(trial)
        return self._point(trial.choices), trial

    def _current(self) -> Episode:
        """Return the episode that the next design belongs to."""
        if not self._open or self._open[-1].full:
            only_joint = self._first_hardware == self.codec.num_knobs
            size = 1 if only_joint else 1 + self.settings.hardware_steps
            self._open = [*self._open[1 - MAX_OPEN :], Episode(size)]
        return self._open[-1]

    def _state_after_networks(self, episode: Episode) -> Any:
        """Return the controller's state after an episode's networks."""
        first = episode.trials[0]
        if episode.state is None or episode.updates != self._updates:
            episode.state, episode.updates = self._controller.start, self._updates
            for place in range(self._first_hardware):
                before = int(first.choices[place - 1])
                step = self._controller.step(place, before, first.legal[place], episode.state)
                episode.state = step[1]
        return episode.state

    def _draw(self, episode: Episode, start: int, state: Any) -> Trial:
        """Draw the choices from a knob on; those before it are the first trial's."""
        places = self.codec.num_knobs
        choices = np.zeros(places, dtype=np.int64)
        legal = np.zeros((places, self._controller.num_options), dtype=np.bool_)
        if start:
            choices[:start] = episode.trials[0].choices[:start]
            legal[:start] = episode.trials[0].legal[:start]
        for place in range(start, places):
            legal[place] = self._legal(choices[:place])
            before = int(choices[place - 1])
            chances, state = self._controller.step(place, before, legal[place], state)
            allowed = np.flatnonzero(legal[place])
            drawn = np.searchsorted(np.cumsum(chances[allowed]), self._rng.random())
            choices[place] = allowed[min(int(drawn), len(allowed) - 1)]
        return Trial(episode, choices, legal)

    def _legal(self, prefix: Ints) -> Bools:
        """Options of the knob after the first ones, bool [O]."""
        place = len(prefix)
        legal = np.zeros(self._controller.num_options, dtype=np.bool_)
        legal[: self._controller.counts[place]] = True
        options = getattr(self.codec.space, "options", None)
        if options is not None:
            given = np.asarray(options(prefix.tolist()), dtype=np.bool_)
            legal[: len(given)] &= given
        return legal

    def _point(self, choices: Ints) -> Point:
        """Return the point of some choices; the middle of the cell of a knob that has cells."""
        unit = (choices + 0.5) / self._controller.counts
        return np.where(self._binned, self.codec.from_unit(unit), choices.astype(np.float64))

    def _choices(self, point: Point) -> Ints:
        """Return the choices of a point."""
        cells = np.floor(self.codec.to_unit(point) * self._controller.counts)
        inside = np.minimum(cells, self._controller.counts - 1)
        return np.where(self._binned, inside, point).astype(np.int64)

    def _withdraw(self, token: Trial) -> None:
        token.episode.trials.remove(token)

    def _replaced(self, point: Point, token: Trial) -> Trial:
        token.choices = self._choices(point)
        for place, choice in enumerate(token.choices.tolist()):
            token.legal[place] = self._legal(token.choices[:place])
            token.legal[place, choice] = True
        return token

    def _learn(self, point: Point, score: float, token: Trial | None) -> None:
        if token is None:
            return
        token.score, token.told = score, True
        if token.episode.complete:
            self._open = [episode for episode in self._open if episode is not token.episode]
            self._update(token.episode)

    def _update(self, episode: Episode) -> None:
        """Take a gradient step on an episode."""
        if not episode.scored:
            return
        settings = self.settings
        trials = [episode.best, *episode.scored]
        rewards = [trial.penalty_reward for trial in episode.scored]
        advantages = [self._designs.advantage(episode.best.score, settings.normalise)]
        advantages += [self._chips.advantage(reward, settings.normalise) for reward in rewards]
        self._designs.add(episode.best.score)
        for reward in rewards:
            self._chips.add(reward)
        places = self.codec.num_knobs
        weights = np.zeros((len(trials), places))
        discounts = settings.discount ** np.arange(places - 1, -1, -1)
        weights[0] = advantages[0] * discounts
        chips = np.outer(advantages[1:], discounts) / len(rewards)
        weights[1:, self._first_hardware :] = chips[:, self._first_hardware :]
        self._descend(trials, weights)
        self._updates += 1

    def _descend(self, trials: list[Trial], weights: npt.NDArray[np.float64]) -> None:
        import torch

        from chipgym.agents.core.torch_tools import use_one_thread

        use_one_thread()
        choices = np.stack([trial.choices for trial in trials])
        legal = np.stack([trial.legal for trial in trials])
        logs, entropy = self._controller(choices, legal)
        gain = (torch.from_numpy(weights.astype(np.float32)) * logs).sum()
        loss = -gain - self.settings.entropy * entropy[0].sum()
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        halve = self.settings.halve_every
        if halve and (self._updates + 1) % halve == 0:
            for group in self._optimiser.param_groups:
                group["lr"] /= 2


def _segments(space: Any, knobs: int) -> tuple[list[int], int]:
    """Return each knob's segment, and the first knob that belongs to the chip."""
    declared = [(str(kind), int(count)) for kind, count in getattr(space, "segments", ())]
    if sum(count for _, count in declared) != knobs:
        return [0] * knobs, knobs
    numbers = [n for n, (_, count) in enumerate(declared) for _ in range(count)]
    kinds = [kind for kind, count in declared for _ in range(count)]
    return numbers, kinds.index(HARDWARE) if HARDWARE in kinds else knobs
