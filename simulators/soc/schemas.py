"""JSON Schemas of the files that users write, shipped for editors and other languages.

``python -m chipgym.simulators.soc.schemas`` writes them anew from the descriptions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chipgym.simulators.core.description import Description
from chipgym.simulators.core.files import read_json, write_json
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.platform import Platform

__all__ = ["SCHEMAS", "generate_schema", "load_schema"]

FOLDER = Path(__file__).parent / "data" / "schemas"
SCHEMAS: dict[str, type[Description]] = {"platform": Platform, "application": Application}


def generate_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file, ``"platform"`` or ``"application"``."""
    schema = SCHEMAS[name].model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def load_schema(name: str) -> dict[str, Any]:
    """Return the shipped JSON Schema of a kind of file."""
    schema: dict[str, Any] = read_json(FOLDER / f"{name}.schema.json")
    return schema


if __name__ == "__main__":
    for kind in SCHEMAS:
        write_json(FOLDER / f"{kind}.schema.json", generate_schema(kind))
