"""Pages that are made from the code: the environments', the tutorials and the studies.

MkDocs loads this file as a hook. ``python docs/generate.py`` prints the pages.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym

import chipgym  # noqa: F401  # registers the ids
from chipgym.envs.core.fields import Column, Field
from chipgym.experiments.papers.core.registry import STUDIES
from chipgym.experiments.papers.nasaic import accuracies

ROOT = Path(__file__).parent.parent

# Page of each tutorial, and its script in examples/.
TUTORIALS = {
    "tutorial-soc.md": "soc_scheduling_tutorial.py",
    "tutorial-dram.md": "dram_tuning_tutorial.py",
    "tutorial-logic.md": "logic_synthesis_tutorial.py",
    "tutorial-codesign.md": "codesign_tutorial.py",
}

# Where the scenarios of an environment's family are, and which of their fields the table shows.
PRESETS = {
    "chipgym/Soc": ("chipgym.envs.soc_scheduling.presets", ("platform", "num_jobs", "objective")),
    "chipgym/Dram": (
        "chipgym.envs.dram_tuning.presets",
        ("device", "knobs", "objective", "budget"),
    ),
    "chipgym/DramRuntime": (
        "chipgym.envs.dram_tuning.runtime_presets",
        ("device", "num_requests", "objective"),
    ),
    "chipgym/DramCommand": (
        "chipgym.envs.dram_tuning.command_presets",
        ("device", "num_requests", "entries", "objective"),
    ),
    "chipgym/CoDesign": (
        "chipgym.envs.codesign.presets",
        ("data_sets", "hardware", "technology", "accuracy"),
    ),
    "chipgym/Logic": (
        "chipgym.envs.logic_synthesis.presets",
        ("action_set", "steps", "mapper", "objective"),
    ),
}


# Folders of the package, and the title of the page that has all of their public modules.
FOLDERS = {
    "simulators": "All modules: simulators",
    "envs": "All modules: environments",
    "agents": "All modules: agents",
    "experiments": "All modules: experiments",
    "leaderboards": "All modules: leaderboards",
}

SHORT = {"envs": "environments"}


def on_files(files: Any, config: Any) -> Any:
    """MkDocs hook: add the generated pages."""
    from mkdocs.structure.files import File

    for name, text in pages():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """MkDocs hook: fill ``{{ zigzag }}`` with the stored comparison."""
    return (
        markdown.replace("{{ zigzag }}", zigzag_table()) if "{{ zigzag }}" in markdown else markdown
    )


def zigzag_table() -> str:
    """Rank correlations of the accelerator model and ZigZag, from the shipped results."""
    from chipgym.experiments.cli.validate_zigzag import COLUMNS, correlation_rows
    from chipgym.simulators.accelerator.zigzag_validation import RESULTS

    return table(COLUMNS, list(correlation_rows(json.loads(RESULTS.read_text(encoding="utf-8")))))


def pages() -> Iterator[tuple[str, str]]:
    """Yield every generated page: its path under docs/, its Markdown."""
    ids = sorted(name for name in gym.registry if name.startswith("chipgym/"))
    yield "environments/index.md", index_page(ids)
    for env_id in ids:
        yield f"environments/{page_name(env_id)}.md", environment_page(env_id)
    yield "environments/accuracy-tables.md", accuracies.page()
    for page, script in TUTORIALS.items():
        yield page, tutorial_page(ROOT / "examples" / script)
    yield from paper_pages()
    for folder, title in FOLDERS.items():
        yield f"reference/modules/{folder}.md", modules_page(folder, title)


def page_name(env_id: str) -> str:
    """``chipgym/SocScheduling-v0`` becomes ``soc-scheduling``."""
    name = env_id.split("/")[1].rsplit("-v", 1)[0]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def index_page(ids: Sequence[str]) -> str:
    """Table of all environments."""
    rows = []
    for env_id in ids:
        env = gym.make(env_id)
        summary = (inspect.getdoc(type(env.unwrapped)) or "").split("\n")[0]
        link = f"[`{env_id}`]({page_name(env_id)}.md)"
        rows.append([link, summary, f"`{env.action_space}`", str(env.observation_space.shape)])
    text = "# Environments\n\nMade by id with `gymnasium.make`, or `gymnasium.make_vec` for many "
    text += "at once; `chipgym list` prints this table, `chipgym info ID` one environment.\n\n"
    return text + table(["id", "", "actions", "observation"], rows)


def environment_page(env_id: str) -> str:
    """Page of one environment: its docstring, then what the code declares."""
    env: Any = gym.make(env_id)
    base = env.unwrapped
    doc = promote(inspect.getdoc(type(base)) or "")
    better = "lower" if getattr(base, "lower_is_better", True) else "higher"
    facts = [
        ["Make it", f'`gymnasium.make("{env_id}")`'],
        ["Action space", f"`{env.action_space}`"],
        ["Observation space", f"`Box{env.observation_space.shape}`, float32"],
        ["Primary metric", f"`{base.primary_metric}`, {better} is better"],
        ["Render modes", ", ".join(f"`{mode}`" for mode in base.metadata["render_modes"])],
    ]
    text = f"# {env_id.split('/')[1]}\n\n{table(['', 'with the default scenario'], facts)}\n{doc}\n"
    text += "\n## Observation fields\n\nGenerated from the declared fields, for the default "
    text += "scenario; `env.unwrapped.observation_layout` has them for any.\n\n"
    text += "".join(field_section(field) for field in base.observation_layout)
    text += knob_section(base)
    text += "\n## Scenarios\n\nNames for the `scenario` argument. Each has train instances, drawn "
    text += 'from the seed, and a fixed set of test instances (`split="test"`).\n\n'
    return text + scenario_table(env_id)


def field_section(field: Field) -> str:
    """Heading and table of one observation field: a row for each column along its last axis."""
    where = f"elements {field.slice.start} to {field.slice.stop - 1} of the flat observation"
    text = f"### {field.name}\n\n{field.meaning}. Shape `{field.shape}`, {where}.\n\n"
    items: Sequence[Field | Column] = field.columns or (field,)
    rows = [
        [f"`{item.name}`", item.unit, f"{item.low:g} … {item.high:g}", item.meaning]
        for item in items
    ]
    return text + table(["feature", "unit", "range", "meaning"], rows) + "\n"


def knob_section(base: Any) -> str:
    """Tables of the knobs, the knob sets, the rules and the objectives of a design environment."""
    space = getattr(base, "design_space", None)
    if space is None:
        return ""
    from chipgym.envs.dram_tuning.knobs import KNOB_SETS
    from chipgym.envs.dram_tuning.reward import OBJECTIVES
    from chipgym.simulators.dram.rules import RULES

    offer = ([m.name for m in base.generator.address_maps], space.device.refresh_policies)
    knobs = [
        [f"`{k.name}`", ", ".join(map(str, k.values)), k.default, k.group, k.meaning]
        for k in space.knobs
    ]
    sets = [[f"`{s.name}`", f"{s.size(*offer):,}", s.description] for s in KNOB_SETS.values()]
    rules = [[", ".join(f"`{name}`" for name in rule.fields), rule.reason] for rule in RULES]
    goals = [[f"`{o.name}`", f"`{o.metric}`", o.description] for o in OBJECTIVES.values()]
    text = "\n## Knobs\n\nOf the default scenario; a design is the index of a value for each.\n\n"
    text += table(["knob", "values", "default", "group", "meaning"], knobs)
    text += "\nKnob sets, for the `knobs` argument, with the number of designs on this device:\n\n"
    text += table(["set", "designs", "what it is"], sets)
    text += "\nDesigns that break one of these rules are infeasible:\n\n"
    text += table(["knobs", "rule"], rules)
    text += "\n## Objectives\n\nEach ranks designs by its primary metric.\n\n"
    return text + table(["objective", "primary metric", "what it is"], goals)


def paper_pages() -> Iterator[tuple[str, str]]:
    """Yield a page for each study: its text, with tables and figures of its stored results."""
    for name, study in STUDIES.items():
        folder = Path(importlib.import_module(study.module).__file__ or "").parent
        yield f"papers/{name}.md", paper_page(name, folder)
        for figure in sorted((folder / "results").glob("*.svg")):
            yield f"papers/{name}-{figure.name}", figure.read_text(encoding="utf-8")


def paper_page(name: str, folder: Path) -> str:
    """Fill ``{{ table NAME }}`` and ``{{ figure NAME: CAPTION }}`` in a study's page."""

    def fill(match: re.Match[str]) -> str:
        kind, stem, caption = match.group(1), match.group(2), (match.group(3) or "").strip()
        source = folder / "results" / f"{stem}.{'md' if kind == 'table' else 'svg'}"
        made = f"\n\nMade by `chipgym reproduce {name}`.\n"
        if kind == "table":
            return source.read_text(encoding="utf-8") + made
        if not source.is_file():
            raise FileNotFoundError(source)
        return f"![{caption}]({name}-{stem}.svg)\n\n*{caption}.*" + made

    text = (folder / "page.md").read_text(encoding="utf-8")
    if not (folder / "results").is_dir():
        note = f"*No results are stored yet; `chipgym reproduce {name}` makes them.*"
        text = re.sub(r"(?:{{ (?:table|figure) [^}]*}}\s*)+", note + "\n\n", text)
    return re.sub(r"{{ (table|figure) ([\w-]+)(?:: ([^}]*))? }}", fill, text)


def public_modules(folder: str) -> list[str]:
    """Modules of a folder that export something, sorted; the command line has pages of its own."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        exports = re.search(r"^__all__ = \[(.+?)\]", path.read_text(encoding="utf-8"), re.M | re.S)
        if exports and not name.startswith("experiments.cli"):
            found.append(f"chipgym.{name}")
    return found


def modules_page(folder: str, title: str) -> str:
    """Reference of every public module of a folder."""
    text = f"# {title}\n\nWhat a newcomer needs first is in [the shorter reference](../"
    text += f"{'experiments' if folder == 'leaderboards' else SHORT.get(folder, folder)}.md). "
    text += "This page is made from the code and leaves nothing out.\n\n"
    for name in public_modules(folder):
        text += f"::: {name}\n    options: {{ heading_level: 2, show_root_full_path: true }}\n\n"
    return text


def promote(doc: str) -> str:
    """Give the docstring's sections page-level headings."""
    lines = doc.split("\n")
    underlined = re.compile(r"^-{3,}$")
    result: list[str] = []
    for line in lines:
        if underlined.match(line) and result and result[-1].strip():
            result[-1] = f"## {result[-1].strip()}"
        else:
            result.append(line)
    return "\n".join(result)


def scenario_table(env_id: str) -> str:
    """Table of a family's scenarios."""
    known = [start for start in PRESETS if env_id.startswith(start)]
    module, facts = PRESETS[max(known, key=len)]
    scenarios = importlib.import_module(module).SCENARIOS
    rows = [
        [f"`{name}`", scenario.description, *(getattr(scenario, fact) for fact in facts)]
        for name, scenario in scenarios.items()
    ]
    headings = [fact.removeprefix("num_").replace("_", " ") for fact in facts]
    return table(["scenario", "what it is", *headings], rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Render a Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def tutorial_page(path: Path) -> str:
    """Turn a notebook-as-script into a page: ``# %% [markdown]`` cells are text, others code."""
    parts = re.split(r"^# %%(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = ""
    for kind, body in zip(parts[1::2], parts[2::2], strict=True):
        body = body.strip("\n")
        if "[markdown]" in kind:
            text += re.sub(r"^# ?", "", body, flags=re.MULTILINE) + "\n\n"
        elif body:
            body = re.sub(r"  # noqa.*$", "", body, flags=re.MULTILINE)
            text += f"```python\n{body}\n```\n\n"
    source = f"`examples/{path.name}`"
    return text + f"*This page is {source}: run it as a script, or cell by cell in an editor.*\n"


if __name__ == "__main__":
    for path, content in pages():
        print(f"=== {path} ===\n{content}")
