"""How fast an environment is: the committed baseline of `chipgym throughput`."""

from __future__ import annotations

from functools import cache

from chipgym.experiments.throughput.baseline import BASELINE, Baseline, load_baseline
from chipgym.simulators.core.files import read_json
from generators.markdown import short, table

# Where the baseline has the rates of an environment, if not under its id.
PLACES = {
    "chipgym/SocScheduling-v0": ("soc/environment/",),
    "chipgym/LogicSynthesis-v0": ("logic/environment/",),
}
WORDS = {
    "scalar": "one environment",
    "uncached": "one environment, no result cached",
    "cached": "one environment, all results cached",
    "first_valid": "first legal action",
    "random_valid": "random legal actions",
    "step_us": "",
}
QUICK = (
    '!!! warning "Short streams"\n'
    "    This baseline was measured with `--quick`: it shows what is measured, and is not to be "
    "quoted.\n\n"
)


@cache
def committed() -> tuple[str, Baseline]:
    """Effort and rates of the committed baseline, the full one where there is one."""
    effort = "full" if "full" in read_json(BASELINE) else "quick"
    return effort, load_baseline("full" if effort == "full" else "quick")


def rate_section(env_id: str) -> str:
    """Section with the measured steps per second of an environment."""
    effort, baseline = committed()
    starts = PLACES.get(env_id, tuple(f"{part}/{env_id}/" for part in _parts(env_id)))
    rows = [
        [words(name.removeprefix(start)), wall_rate(baseline, name), short(rate)]
        for start in starts
        for name, rate in baseline.rates.items()
        if name.startswith(start)
    ]
    text = "\n## Throughput\n\n"
    if not rows:
        return text + "The committed baseline has no rates of this environment.\n"
    text += "Steps per second, resets and the choice of the actions included.\n\n"
    text += table(["what", "a second", "a CPU second"], rows, right=[1, 2])
    text += QUICK.replace("!!!", "\n!!!", 1) if effort == "quick" else ""
    return text + f"\n{made_by(baseline)} [How to read them, and all others](../performance.md).\n"


def _parts(env_id: str) -> list[str]:
    prefixes = {"Soc": "soc", "Dram": "dram", "Logic": "logic", "CoDesign": "codesign"}
    name = env_id.split("/")[1]
    family = next(family for prefix, family in prefixes.items() if name.startswith(prefix))
    return [f"{family}/environment", f"{family}/environments"]


def words(place: str) -> str:
    """Name a place in words: ``vector_64/random_valid``."""
    found = []
    for part in place.split("/"):
        kind, _, rest = part.partition("_")
        if kind == "vector":
            number, _, more = rest.partition("_")
            found.append(f"{number} environments through `make_vec`")
            found += [f"no result {more.removeprefix('un')}"] if more == "uncached" else []
        elif WORDS.get(part, part):
            found.append(WORDS.get(part, part))
    return ", ".join(found)


def wall_rate(baseline: Baseline, name: str) -> str:
    """Rate per second of wall time, where the baseline has it."""
    rate = baseline.wall_rates.get(name)
    return "" if rate is None else short(rate)


def made_by(baseline: Baseline) -> str:
    """Say what measured a baseline."""
    command = " ".join(word for word in baseline.command.split() if word not in ("--json",))
    return f"Measured with version {baseline.package_version} on {baseline.cpu} by `{command}`."
