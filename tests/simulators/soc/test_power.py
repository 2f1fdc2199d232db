"""Energy, frequency and temperature of the clean order, against plain recomputation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.layout import rescale_thermal
from chipgym.simulators.soc.lowering import lower_power
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.result import SocResult
from chipgym.simulators.soc.simulate import simulate
from chipgym.simulators.soc.workload import Workload

PLATFORM = Platform.named("ds3-16pe")
APPS = [Application.named(name) for name in ("wifi-tx", "wifi-rx", "temporal-mitigation")]
STREAM = Workload([0, 1, 2, 0, 1, 2, 0], [30.0, 25.0, 20.0, 40.0, 10.0, 15.0, 0.0], key=9)


def leakage_w(platform: Platform, cluster, voltage_v: float, temperature_c: float) -> float:
    power = platform.power
    kelvin = 273 + temperature_c
    thermal = power.leakage_c1 * kelvin**2 * math.exp(-power.leakage_c2 / kelvin)
    return cluster.leakage_scale * voltage_v * (thermal + power.leakage_igate) / 4


def cluster_power_w(platform: Platform, cluster, point, busy: int, temperature_c: float):
    """Dynamic power of the busy cores together, and leakage of one core."""
    volt = point.voltage_mv / 1000
    leak = leakage_w(platform, cluster, volt, temperature_c)
    if busy == 0 or not cluster.power_profiles:
        return 0.0, leak
    profile = next(p for p in cluster.power_profiles if p.frequency_mhz >= point.frequency_mhz)
    volts = {p.frequency_mhz: p.voltage_mv / 1000 for p in cluster.operating_points}
    scale = (point.frequency_mhz / profile.frequency_mhz) * (
        volt / volts[profile.frequency_mhz]
    ) ** 2
    return (profile.power_w[busy - 1] - cluster.num_pes * leak) * scale, leak


def expected_energy_j(platform: Platform, result: SocResult, points) -> tuple[float, np.ndarray]:
    """Integrate power over the intervals between starts and finishes, at ambient temperature."""
    trace = result.trace
    times = np.unique(np.concatenate([[0.0], trace.start_us, trace.finish_us]))
    cluster_of = np.array(platform.pe_cluster)[trace.pe]
    base = platform.power.memory_power_w + platform.power.gpu_power_w
    total, tasks = 0.0, np.zeros(len(trace))
    for begin, end in itertools.pairwise(times):
        running = (trace.start_us <= begin) & (trace.finish_us >= end)
        total += base * (end - begin) * 1e-6
        for c, cluster in enumerate(platform.clusters):
            mine = running & (cluster_of == c)
            busy = int(mine.sum())
            dynamic, leak = cluster_power_w(
                platform, cluster, points[c], busy, platform.power.ambient_c
            )
            total += (dynamic + cluster.num_pes * leak) * (end - begin) * 1e-6
            if busy:
                tasks[mine] += (dynamic / busy + leak) * (end - begin) * 1e-6
    return total, tasks


@pytest.mark.parametrize("governor", ["performance", "powersave", "constant-1000"])
@pytest.mark.parametrize("scheduler", ["ETF", "MET"])
def test_energy_is_power_times_time(governor: str, scheduler: str):
    options = SocOptions(governor=governor)
    result = simulate(PLATFORM, APPS, STREAM, scheduler, options, record_trace=True)
    points = []
    for cluster in PLATFORM.clusters:
        choices = {"performance": -1, "powersave": 0}
        names = [p.frequency_mhz for p in cluster.operating_points]
        index = choices.get(governor, names.index(1000))
        points.append(cluster.operating_points[index])
    total, tasks = expected_energy_j(PLATFORM, result, points)
    assert result.energy_j == pytest.approx(total, rel=1e-9)
    np.testing.assert_allclose(result.trace.energy_j, tasks, rtol=1e-9)
    assert result.peak_temperature_c == PLATFORM.power.ambient_c


def test_execution_stretches_with_the_frequency():
    fast = simulate(PLATFORM, APPS[:1], Workload([0], [0.0]), "MET", record_trace=True)
    slow = simulate(
        PLATFORM,
        APPS[:1],
        Workload([0], [0.0]),
        "MET",
        SocOptions(governor="powersave"),
        record_trace=True,
    )
    first_fast = fast.trace.finish_us[0] - fast.trace.start_us[0]
    first_slow = slow.trace.finish_us[0] - slow.trace.start_us[0]
    assert fast.trace.pe[0] == slow.trace.pe[0]
    assert first_slow == pytest.approx(first_fast * 2000 / 600)


def test_a_platform_without_profiles_has_leakage_and_base_power_only():
    platform, app = Platform.named("toy-2pe"), Application.named("toy")
    result = simulate(platform, [app], Workload([0], [0.0]), "ETF")
    leak = leakage_w(platform, platform.clusters[0], 0.9, 42)
    assert result.energy_j == pytest.approx((0.0473 + 0.1201 + 2 * leak) * 4e-6)


def test_ondemand_slows_down_while_idle_and_recovers():
    chain = Application.named("single-carrier-tx")
    two = Workload([0, 0], [500.0, 0.0])
    fast = simulate(PLATFORM, [chain], two, "EFT")
    eager = simulate(PLATFORM, [chain], two, "EFT", SocOptions(governor="ondemand"))
    assert eager.energy_j < fast.energy_j
    # The first job starts at the highest frequency and, busy, keeps it; the second one meets
    # cores that have stepped down to 600 MHz, for the first sampling period.
    assert eager.latency_us[0] == fast.latency_us[0]
    assert fast.latency_us[1] + 5 < eager.latency_us[1] < fast.latency_us[1] + 10


def test_thermal_matrices_do_not_depend_on_the_step():
    power = lower_power(PLATFORM, "performance")
    load = np.array([0.05, 0.12, 0.4, 3.0, 0.1, 0.2, 0.1])
    x = np.zeros(5)
    for _ in range(3):
        x = power.thermal_a @ x + power.thermal_b @ load
    for step_us in (1000.0, 2500.0):
        a, b = rescale_thermal(power, 100_000.0, step_us)
        y = np.zeros(5)
        for _ in range(round(300_000 / step_us)):
            y = a @ y + b @ load
        np.testing.assert_allclose(y, x, rtol=1e-9)


def test_heat_raises_leakage_and_a_trip_caps_the_frequency():
    hot = PLATFORM.power.model_copy(
        update={"thermal_fit_step_us": 50.0, "trip_temperature_c": (45.0, 200.0, 300.0)}
    )
    platform = PLATFORM.model_copy(update={"power": hot})
    jobs = Workload([1] * 12, [5.0] * 12)
    cool = simulate(platform, APPS, jobs, "MET")
    warm = simulate(platform, APPS, jobs, "MET", SocOptions(thermal=True, thermal_step_us=50.0))
    capped = simulate(
        platform, APPS, jobs, "MET", SocOptions(thermal=True, thermal_step_us=50.0, throttle=True)
    )
    assert cool.peak_temperature_c == 42
    assert warm.peak_temperature_c > 50
    assert warm.makespan_us == cool.makespan_us
    assert warm.energy_j > cool.energy_j
    # The first trip limits the big cores to 1600 of 2000 MHz.
    assert capped.makespan_us > 1.05 * warm.makespan_us
    assert capped.peak_temperature_c < warm.peak_temperature_c


def test_throttling_needs_temperatures():
    with pytest.raises(InvalidValueError, match="throttle = True"):
        SocOptions(throttle=True)


def test_constant_governor_must_name_an_operating_point():
    with pytest.raises(InvalidValueError, match="constant-700"):
        simulate(PLATFORM, APPS, STREAM, "ETF", SocOptions(governor="constant-700"))
