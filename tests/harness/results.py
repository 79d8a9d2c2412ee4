"""Reads a results.json as strictly as its schema, which stands beside this file."""

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = json.loads(Path(__file__).with_name("results.schema.json").read_text())


def valid(content: bytes | str) -> dict[str, Any]:
    """The results; raises ValueError or jsonschema's ValidationError for what Gradescope might refuse."""
    found = json.loads(content, parse_constant=_no_constant)
    jsonschema.validate(found, SCHEMA, jsonschema.Draft202012Validator)
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
