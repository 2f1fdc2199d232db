"""Resized platforms: sizes, bandwidths, and power that stays plausible."""

from __future__ import annotations

from itertools import pairwise

import pytest

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.parametric import parametric_platform, resize_clusters
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.static import heft

BASE = Platform.named("ds3-16pe")


def cluster(platform: Platform, name: str):
    return next(c for c in platform.clusters if c.name == name)


def test_default_sizes_reproduce_the_base():
    platform = parametric_platform()
    assert platform.clusters == BASE.clusters
    assert platform.bandwidth == BASE.bandwidth


def test_sizes_and_removed_clusters():
    platform = parametric_platform(num_big=2, num_fft=8, num_matrix=0)
    assert [(c.name, c.num_pes) for c in platform.clusters] == [
        ("A7", 4),
        ("A15", 2),
        ("FFT", 8),
        ("VIT", 2),
    ]
    assert platform.num_pes == 16
    # FFT to the cores is the slow link of the base, FFT to VIT is not.
    names = [c.name for c in platform.clusters]
    between = platform.bandwidth.between_clusters
    assert between[names.index("FFT")][names.index("A7")] == 10
    assert between[names.index("FFT")][names.index("VIT")] == 1000
    assert Platform.parse(platform.document()) == platform


def test_more_accelerators_help_where_they_are_the_bottleneck():
    application = Application.named("pulse-doppler")
    few, many = (heft(parametric_platform(num_fft=n), application).makespan_us for n in (1, 16))
    assert many < few


@pytest.mark.parametrize(("name", "size"), [("A15", 1), ("A15", 8), ("FFT", 16), ("VIT", 1)])
def test_power_rises_with_busy_cores_and_keeps_the_dynamic_part(name: str, size: int):
    before = cluster(BASE, name)
    after = cluster(resize_clusters(BASE, {name: size}), name)
    for old, new in zip(before.power_profiles, after.power_profiles, strict=True):
        assert len(new.power_w) == size
        assert list(new.power_w) == sorted(new.power_w)
        added = [a - b for a, b in zip(new.power_w, old.power_w, strict=False)]
        # Only the leakage of the cores added or removed: the same for every number of busy cores.
        assert added == pytest.approx([added[0]] * len(added))
        per_core = added[0] / (size - before.num_pes)
        assert 0.005 < per_core < 0.02


def test_beyond_the_profile_each_core_adds_what_the_last_one_added():
    profile = cluster(resize_clusters(BASE, {"A15": 6}), "A15").power_profiles[1].power_w
    steps = [b - a for a, b in pairwise(profile)]
    assert steps == pytest.approx([1.73, 1.10, 0.76, 0.76, 0.76])


def test_leakage_of_a_core_is_the_documented_value():
    # 1.362 V at 42 °C: 0.01825 W for a big core, a quarter of it for a little one.
    small = cluster(resize_clusters(BASE, {"A15": 5}), "A15").power_profiles[1].power_w[0]
    assert small - 3.32 == pytest.approx(0.01825, abs=1e-5)


def test_bases_without_accelerators():
    platform = parametric_platform(
        num_big=2, num_fft=0, num_viterbi=0, num_matrix=0, base="big-little-8pe"
    )
    assert platform.num_pes == 6
    with pytest.raises(UnknownNameError, match="FFT"):
        parametric_platform(base="big-little-8pe")


@pytest.mark.parametrize(
    ("sizes", "error", "text"),
    [
        ({"A15": -1}, InvalidValueError, r"sizes\.A15 = -1"),
        ({"A15": 2.5}, InvalidValueError, r"sizes\.A15 = 2\.5"),
        ({"A51": 2}, UnknownNameError, "did you mean 'A15'"),
        ({c.name: 0 for c in BASE.clusters}, InvalidValueError, "at least one"),
    ],
)
def test_bad_sizes_are_named(sizes, error, text):
    with pytest.raises(error, match=text):
        resize_clusters(BASE, sizes)
