"""Plain tables as TOML, always in the same form."""

import json
import re
from typing import Any

WIDTH = 100


def dumps(table: dict[str, Any], path: str = "") -> str:
    """A table: what is plain first, then tables, then lists of tables."""
    plain = {key: value for key, value in table.items() if not _is_table(value) and not _is_tables(value)}
    parts = ["".join(f"{_key(key)} = {_value(value)}\n" for key, value in plain.items())]
    for key, value in table.items():
        name = f"{path}.{_key(key)}" if path else _key(key)
        if _is_table(value):
            body = dumps(value, name)
            # a table of nothing but tables needs no line of its own
            alone = value and all(_is_table(inner) for inner in value.values())
            parts.append(body if alone else f"[{name}]\n{body}")
        elif _is_tables(value):
            parts += [f"[[{name}]]\n{dumps(item, name)}" for item in value]
    return "\n".join(filter(None, parts))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else json.dumps(key)


def _value(value: Any, indent: str = "") -> str:
    if isinstance(value, list | tuple):
        line = f"[{', '.join(_value(item) for item in value)}]"
        if len(line) <= WIDTH:
            return line
        return "[\n" + "".join(f"{indent}    {_value(item, indent + '    ')},\n" for item in value) + f"{indent}]"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
