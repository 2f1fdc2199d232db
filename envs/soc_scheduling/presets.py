"""The scenarios, one table to be read like a menu.

Every scenario draws its training instances from the environment's generator and has a fixed list of
test instances. Rates are chosen where scheduling matters: jobs arrive faster than one leaves, so
that several compete for the platform, but not so fast that every scheduler drowns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chipgym.simulators.soc.arrivals import (
    ApplicationMix,
    ArrivalProcess,
    Bursty,
    FixedGap,
    Poisson,
    RandomMix,
    RoundRobin,
)
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.random_dag import RandomDag

__all__ = ["DEFAULT_SCENARIO", "SCENARIOS", "Scenario"]

SIX_APPS = (
    "wifi-tx",
    "wifi-rx",
    "range-detection",
    "single-carrier-tx",
    "single-carrier-rx",
    "temporal-mitigation",
)
# Shares of the six applications in DS3's default workload.
SIX_MIX = RandomMix((0.2, 0.2, 0.2, 0.1, 0.1, 0.2))
ONE = RoundRobin(1)


@dataclass(frozen=True)
class Scenario:
    """A family of scheduling instances.

    Attributes
    ----------
    name, description : str
    platform : str
        Shipped platform, or ``"parametric:…"`` (see `generator.build_platform`).
    applications : tuple of str
        Shipped applications; empty: one random graph an instance, drawn with `random_dag`.
    mix, arrivals : ApplicationMix, ArrivalProcess
        Which job comes, and when.
    num_jobs : int
        Jobs of an episode.
    num_slots : int
        Ready tasks that an agent sees and can choose from at once.
    options : SocOptions
        The model.
    objective : str
        Default objective (see `reward.OBJECTIVES`).
    deadline_factor : float or None
        Relative deadline of a job as a multiple of its application's time alone on the platform.
    power_cap_w : float or None
        Power above which the excess energy is penalised.
    explicit_dvfs : bool
        Whether the agent also sets operating points.
    random_dag : RandomDag or None
        Parameters of the random graphs.
    """

    name: str
    description: str
    applications: tuple[str, ...]
    mix: ApplicationMix
    arrivals: ArrivalProcess
    platform: str = "ds3-16pe"
    num_jobs: int = 20
    num_slots: int = 8
    options: SocOptions = field(default_factory=SocOptions)
    objective: str = "latency"
    deadline_factor: float | None = None
    power_cap_w: float | None = None
    explicit_dvfs: bool = False
    random_dag: RandomDag | None = None


def _single(name: str, gap_us: float, description: str, **changes: object) -> Scenario:
    return Scenario(
        name,
        description,
        (name,),
        ONE,
        Poisson(gap_us),
        **changes,  # type: ignore[arg-type]
    )


def _six(name: str, gap_us: float, description: str, **changes: object) -> Scenario:
    changes.setdefault("arrivals", Poisson(gap_us))
    return Scenario(name, description, SIX_APPS, SIX_MIX, **changes)  # type: ignore[arg-type]


_ALL = (
    Scenario(
        "toy",
        "One job of two independent tasks on two PEs: optimum 3 µs, earliest task first 4 µs",
        ("toy",),
        ONE,
        FixedGap(0),
        platform="toy-2pe",
        num_jobs=1,
        num_slots=2,
    ),
    Scenario(
        "canonical",
        "The 10-task HEFT graph on 3 processors, a job every 25 µs on average, at most 3 in flight",
        ("canonical",),
        ONE,
        Poisson(25),
        platform="canonical-3pe",
        options=SocOptions(max_in_flight=3),
    ),
    Scenario(
        "canonical-open",
        "Ten jobs of the 10-task HEFT graph on 3 processors, one every 25 µs on average, no cap",
        ("canonical",),
        ONE,
        Poisson(25),
        platform="canonical-3pe",
        num_jobs=10,
    ),
    Scenario(
        "canonical-fixed",
        "Ten jobs of the 10-task HEFT graph, one every 25 µs, with a known clairvoyant bound",
        ("canonical",),
        ONE,
        FixedGap(25),
        platform="canonical-3pe",
        num_jobs=10,
    ),
    Scenario(
        "canonical-ten",
        "The ten SoCRATES graphs on 3 processors, drawn uniformly",
        ("canonical", *(f"canonical-{k}" for k in range(2, 11))),
        RandomMix.uniform(10),
        Poisson(25),
        platform="canonical-3pe",
        options=SocOptions(max_in_flight=3),
    ),
    _single("wifi-tx", 20, "WiFi transmitter: five parallel chains of five tasks, 50 jobs per ms"),
    _single("wifi-rx", 60, "WiFi receiver: five chains of six tasks, then the decoder"),
    _single("range-detection", 30, "Range detection: seven tasks, two parallel FFTs"),
    _single("single-carrier-tx", 15, "Single-carrier transmitter: a chain of eight tasks"),
    _single("single-carrier-rx", 25, "Single-carrier receiver: a chain of eight tasks"),
    _single("temporal-mitigation", 25, "Temporal interference mitigation: ten tasks, matrix PEs"),
    _single(
        "pulse-doppler",
        1000,
        "Pulse Doppler: 451 tasks, 64 pulses wide",
        num_jobs=3,
        num_slots=16,
    ),
    Scenario(
        "wifi-mix",
        "WiFi transmitters and receivers 80:20, as in DS3's case study",
        ("wifi-tx", "wifi-rx"),
        RandomMix((0.8, 0.2)),
        Poisson(25),
    ),
    _six("six-app-low", 150, "Six applications, 6.7 jobs per ms: jobs rarely meet"),
    _six("six-app-mid", 50, "Six applications, 20 jobs per ms: about five in flight"),
    _six("six-app-high", 30, "Six applications, 33 jobs per ms: near saturation"),
    Scenario(
        "six-app-fixed",
        "Twelve jobs, six applications in turn, one every 30 µs; heuristics are far from the best",
        SIX_APPS,
        RoundRobin(6),
        FixedGap(30),
        num_jobs=12,
    ),
    _six(
        "bursty",
        50,
        "Six applications in bursts: a job every 15 µs for 500 µs, then every 120 µs for 1000 µs",
        arrivals=Bursty(calm_gap_us=120, burst_gap_us=15, calm_us=1000, burst_us=500),
    ),
    _six(
        "noise-10", 50, "six-app-mid, execution times 10 % noisy", options=SocOptions(noise_std=0.1)
    ),
    _six(
        "noise-30", 50, "six-app-mid, execution times 30 % noisy", options=SocOptions(noise_std=0.3)
    ),
    _six(
        "noise-50", 50, "six-app-mid, execution times 50 % noisy", options=SocOptions(noise_std=0.5)
    ),
    _six(
        "pe-failure",
        60,
        "Six applications while PEs fail every 5 ms on average and take 500 µs to repair",
        options=SocOptions(mtbf_us=5000.0, mttr_us=500.0),
    ),
    _six(
        "shared-memory",
        60,
        "Six applications communicating through the shared memory",
        options=SocOptions(communication="shared_memory"),
    ),
    _six(
        "dvfs-power-cap",
        60,
        "Six applications, the agent also sets frequencies, power above 6 W is penalised",
        options=SocOptions(governor="explicit"),
        objective="capped-latency",
        power_cap_w=6.0,
        explicit_dvfs=True,
    ),
    _six(
        "deadlines",
        45,
        "Six applications with deadlines of twice their time alone; late jobs count",
        objective="deadlines",
        deadline_factor=2.0,
    ),
    _six(
        "scaled-8fft",
        40,
        "Six applications on a platform with 8 FFT and 4 Viterbi accelerators",
        platform="parametric:num_fft=8,num_viterbi=4",
    ),
    _six(
        "scaled-cpu",
        120,
        "Six applications on 8 cores without accelerators",
        platform="big-little-8pe",
    ),
    Scenario(
        "random-dags",
        "A new layered random graph of 30 tasks in every episode",
        (),
        ONE,
        Poisson(60),
        num_jobs=12,
        random_dag=RandomDag(num_tasks=30, shape=1.0, density=0.2, ccr=0.2, heterogeneity=1.0),
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
DEFAULT_SCENARIO = "six-app-mid"
