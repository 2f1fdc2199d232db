"""Profiles count what the arrays hold."""

import numpy as np
import pytest

from chipgym.simulators.logic.aiger import decode
from chipgym.simulators.logic.circuits import Circuit
from chipgym.simulators.logic.profile import FANOUT_BINS, LEVEL_BINS, profile_of


@pytest.mark.parametrize("name", ["alu-8", "decoder-5", "sqrt-24"])
def test_profile_is_what_counting_gives(name):
    aig = decode(Circuit.named(name).body)
    profile = profile_of(aig)
    first = 1 + aig.num_inputs
    assert (profile.inputs, profile.outputs) == (aig.num_inputs, aig.num_outputs)
    inverted = np.bincount(aig.complemented.sum(axis=1), minlength=3) / aig.num_ands
    np.testing.assert_allclose(profile.inverted, inverted, rtol=1e-6)
    levels = aig.levels[first:]
    bins = (levels - 1) * LEVEL_BINS // levels.max()
    wanted = np.bincount(bins, minlength=LEVEL_BINS) / aig.num_ands
    np.testing.assert_allclose(profile.levels, wanted, rtol=1e-6)
    fanouts = aig.fanout_counts[1:]
    places = [min(max(int(n) - 1, 0).bit_length(), FANOUT_BINS - 1) for n in fanouts]
    wanted = np.bincount(places, minlength=FANOUT_BINS) / len(fanouts)
    np.testing.assert_allclose(profile.fanouts, wanted, rtol=1e-6)
    assert profile.mean_fanout == pytest.approx(fanouts.mean())
    assert profile.max_fanout == fanouts.max()


def test_a_wire_has_a_profile():
    profile = profile_of(decode(b"aig 1 1 0 1 0\n2\n"))
    assert profile.levels.sum() == 0
    assert profile.fanouts[0] == 1
    assert profile.max_fanout == 1
