"""The actions of an environment, as its published problem lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from generators.knobs import knob_section
from generators.markdown import table

HEAD = "\n## Actions\n\nOf the default scenario. Shape `{shape}`, {kind}.\n\n"


def action_section(env_id: str, env: Any) -> str:
    """Section with a row for each action, or for each part of one; the environment is reset."""
    space = env.action_space
    kind = "one number" if space.shape == () else f"{space.shape[0]} numbers, a choice each"
    text = HEAD.format(shape=space.shape, kind=f"int64: {kind}")
    known = [start for start in SECTIONS if env_id.startswith(start)]
    return text + SECTIONS[max(known, key=len)](env.unwrapped)


def _pairs(base: Any) -> str:
    """Slots times PEs, and waiting."""
    problem = base.problem
    slots, pes = problem.num_slots, problem.num_pes
    rows: list[list[object]] = [
        [
            f"{slot * pes} … {slot * pes + pes - 1}",
            f"the task in slot {slot} goes to PE 0 … {pes - 1}",
        ]
        for slot in range(slots)
    ]
    rows.append([problem.wait_action, "wait until the next event"])
    return table(["action", "meaning"], rows) + "\n" + _pes(problem)


def _pes(problem: Any) -> str:
    names = problem.instance.platform.pe_names
    listed = ", ".join(f"{number} `{name}`" for number, name in enumerate(names))
    return f"PEs: {listed}.\n"


def _mapping(base: Any) -> str:
    names = base.problem.instance.platform.pe_names
    rows = [[number, f"the task goes to PE `{name}`"] for number, name in enumerate(names)]
    return table(["action", "meaning"], rows)


def _ordering(base: Any) -> str:
    rows = [
        [slot, f"the task in slot {slot} is next; it goes to the PE that finishes it earliest"]
        for slot in range(base.problem.num_slots)
    ]
    return table(["action", "meaning"], rows)


def _design(base: Any) -> str:
    return "Number k is the index of a value of knob k.\n" + knob_section(base)


def _tuning(base: Any) -> str:
    problem, rows, first = base.problem, [], 0
    for place, knob in enumerate(problem.knobs):
        count = sum(edit[0] == place for edit in problem.edits)
        rows.append(
            [f"{first} … {first + count - 1}", f"`{knob.name}`", ", ".join(map(str, knob.values))]
        )
        first += count
    return table(["action", "sets the knob", "to"], rows) + knob_section(base)


def _runtime(base: Any) -> str:
    rows = [
        [place, f"`{name}`", ", ".join(f"{n} `{value}`" for n, value in enumerate(values))]
        for place, (name, values) in enumerate(base.problem.options.items())
    ]
    return table(["number", "setting", "options"], rows)


def _command(base: Any) -> str:
    entries = base.problem.num_slots
    rows: list[list[object]] = [
        [f"0 … {entries - 1}", "the next command of the entry: precharge, activate, read or write"],
        [f"{entries} … {2 * entries - 1}", "the entry's read or write with auto-precharge"],
        [base.problem.wait_action, "none, until more becomes legal or a request comes"],
    ]
    return table(["action", "meaning"], rows)


def _commands(base: Any) -> str:
    rows = [[n, f"`{command}`"] for n, command in enumerate(base.problem.commands)]
    return table(["value", "ABC's command"], rows)


def _tokens(base: Any) -> str:
    rows = [
        [number, f"`{token.name}`", ", ".join(map(str, token.options)), token.meaning]
        for number, token in enumerate(base.problem.tokens)
    ]
    return table(["number", "token", "options", "meaning"], rows)


def _token_by_token(base: Any) -> str:
    text = "Action k decides for option k of the token that is next; tokens come in this order.\n\n"
    return text + _tokens(base)


def _edits(base: Any) -> str:
    def ranges() -> Iterator[list[object]]:
        for token in base.problem.tokens:
            own = [(n, e) for n, e in enumerate(base.edits) if e.name.startswith(f"{token.name} ")]
            changes = ", ".join(f"{n} `{e.name.removeprefix(token.name).strip()}`" for n, e in own)
            yield [f"`{token.name}`", changes, ", ".join(map(str, token.options)), token.meaning]

    rest = [
        f"{n} `{edit.name}`"
        for n, edit in enumerate(base.edits)
        if not any(edit.name.startswith(f"{token.name} ") for token in base.problem.tokens)
    ]
    text = table(["token", "actions", "options", "meaning"], list(ranges()))
    return text + (f"\nFurther actions: {', '.join(rest)}.\n" if rest else "")


SECTIONS: dict[str, Callable[[Any], str]] = {
    "chipgym/SocScheduling": _pairs,
    "chipgym/SocTaskMapping": _mapping,
    "chipgym/SocTaskOrdering": _ordering,
    "chipgym/DramDesign": _design,
    "chipgym/DramTuning": _tuning,
    "chipgym/DramRuntime": _runtime,
    "chipgym/DramCommand": _command,
    "chipgym/Logic": _commands,
    "chipgym/CoDesign-": _token_by_token,
    "chipgym/CoDesignOneShot": _tokens,
    "chipgym/CoDesignRefine": _edits,
}
