"""Tuned values into ``hyperparams/NAME.yaml``, with provenance; all else in the file stays.

The package's own files are part of the code, and an installed package is not written to. So tuned
values go into a folder of the user's, and are used where that folder is named.
"""

from __future__ import annotations

import os
import re
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from chipgym.agents.core.hyperparameters import Provenance
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.core.files import write_text

__all__ = ["user_folder", "write_entry"]


def user_folder() -> Path:
    """Folder of the user's hyperparameters: ``CHIPGYM_HYPERPARAMS``, or in the configuration."""
    named = os.environ.get("CHIPGYM_HYPERPARAMS")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "chipgym" / "hyperparams"


def write_entry(
    path: Path, env_id: str, scenario: str, values: dict[str, Any], provenance: Provenance
) -> None:
    """Write the entry of an environment and scenario into a file, in place of an older one.

    Comments and anchors elsewhere in the file are kept. The file is written whole or not at all.

    Raises
    ------
    FileFormatError
        The file is not YAML of hyperparameters, or the entry shares its text with others.
    """
    entry = {"values": values, "provenance": asdict(provenance)}
    name = path.stem
    text = _read(path) or f"# {name}: environment id -> scenario (or default) -> entry.\n"
    before = _parsed(path, text)
    table = before.get(env_id) or {}
    if not isinstance(table, dict):
        raise FileFormatError(path, f"{env_id}: must map scenarios to entries")
    wanted = {**before, env_id: {**table, scenario: entry}}
    block = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=96)
    changed = _placed(text, env_id, scenario, textwrap.indent(block, "    "))
    if _parsed(path, changed) != wanted:
        raise FileFormatError(
            path, f"{env_id}, {scenario} shares its text with other entries; write it by hand"
        )
    write_text(path, changed)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(path, f"cannot be read: {error}") from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FileFormatError(path, f"not YAML: {error}") from error
    if document is not None and not isinstance(document, dict):
        raise FileFormatError(path, "must map environment ids to scenarios")
    return document or {}


def _placed(text: str, env_id: str, scenario: str, block: str) -> str:
    """Put the block of an entry in its place in the text."""
    lines = text.rstrip("\n").split("\n")
    fresh = [f"  {scenario}:", *block.rstrip("\n").split("\n")]
    begin = _find(lines, rf"{re.escape(env_id)}:", 0, len(lines))
    if begin is None:
        return "\n".join([*lines, f"{env_id}:", *fresh]) + "\n"
    end = _end(lines, begin, 0)
    inner = _find(lines, rf"  {re.escape(scenario)}:", begin + 1, end)
    if inner is None:
        return "\n".join([*lines[:end], *fresh, *lines[end:]]) + "\n"
    return "\n".join([*lines[:inner], *fresh, *lines[_end(lines, inner, 2) :]]) + "\n"


def _find(lines: list[str], pattern: str, begin: int, end: int) -> int | None:
    return next((i for i in range(begin, end) if re.match(pattern, lines[i])), None)


def _end(lines: list[str], begin: int, indent: int) -> int:
    """Line after the block that a key at so much indentation heads."""
    for number in range(begin + 1, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            return number
    return len(lines)
