"""Errors of settings in one line: ``[section] key: value is not what is allowed``."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST = 60


def one_line(error: Any, model: Any, section: str | None = None) -> str:
    """The first of a pydantic ValidationError's errors, and how many more there are.

    Parameters
    ----------
    error : pydantic.ValidationError
    model : the pydantic model that was validated
        Of a section, or without `section` one whose fields are sections.
    section : str, optional
        The name of that section.
    """
    errors = error.errors()
    schema = model.model_json_schema()
    where = (section,) if section else ()
    if section:
        schema = {"properties": {section: schema}, "$defs": schema.get("$defs", {})}
    line = _line(errors[0], (*where, *errors[0]["loc"]), schema)
    return line if len(errors) == 1 else f"{line} (and {len(errors) - 1} more)"


def not_allowed(key: str, value: Any, allowed: Iterable[str]) -> str:
    """``key: value is not one of ...``"""
    return f"{key}: {_short(value)} is not one of {', '.join(map(repr, allowed))}"


def unknown(key: str, known: Iterable[str], what: str) -> str:
    """``key: unknown ...``, with the nearest of those known, or all of them."""
    known = list(known)
    near = get_close_matches(key, known, n=2)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(known) or 'none'}"
    return f"{key}: unknown {what}; {hint}"


def _line(error: dict[str, Any], place: tuple[Any, ...], schema: dict[str, Any]) -> str:
    kind = error["type"]
    if kind == "value_error":  # our own, of a whole section: its message begins with the key
        return f"[{place[0]}] {error['ctx']['error']}" if place else str(error["ctx"]["error"])
    sections, definitions = schema["properties"], schema.get("$defs", {})
    if len(place) == 1:
        return _section_line(kind, str(place[0]), error["input"], sections, definitions)
    own, (key, *rest) = _resolved(sections[place[0]], definitions), place[1:]
    if kind == "extra_forbidden":
        return f"[{place[0]}] {unknown(str(key), own['properties'], 'key')}"
    value = own["properties"][key]
    if kind == "missing":
        return f"[{place[0]}] {key}: missing; give {allowed(value)}"
    name = key
    for part in rest:
        value = _nested(value)
        name += f"[{part}]" if isinstance(part, int) else f".{part}"
    words = allowed(value)
    if kind == "finite_number":
        words = words.replace("a number", "a finite number")
    return f"[{place[0]}] {name}: {_short(error['input'])} is not {words}"


def _section_line(kind: str, name: str, value: Any, sections: dict[str, Any], definitions: dict[str, Any]) -> str:
    if kind == "extra_forbidden":
        return unknown(f"[{name}]", (f"[{section}]" for section in sections), "section")
    if kind == "missing":
        needed = ", ".join(_resolved(sections[name], definitions)["required"])
        return f"[{name}]: the section is missing; it must give {needed}"
    return f"[{name}]: {_short(value)} is not a section of settings"


def allowed(schema: dict[str, Any]) -> str:
    """What a JSON schema allows, in words.

    Examples
    --------
    >>> allowed({"type": "integer", "minimum": 1})
    'a whole number of at least 1'
    """
    schema = _without_null(schema)
    if "allowed" in schema:
        return schema["allowed"]
    if "enum" in schema:
        return f"one of {', '.join(map(repr, schema['enum']))}"
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "array":
        return f"a list, each entry {allowed(schema['items'])}"
    if kind == "object":
        return f"a table, each value {allowed(schema['additionalProperties'])}"
    if kind == "boolean":
        return "true or false"
    return "a path" if schema.get("format") == "path" else "a text"


def _number(schema: dict[str, Any]) -> str:
    bounds = {"minimum": "of at least", "exclusiveMinimum": "above", "exclusiveMaximum": "below", "maximum": "at most"}
    given = {key: schema[key] for key in bounds if key in schema}
    said = [f"{bounds[key]} {int(value) if value == int(value) else value}" for key, value in given.items()]
    return " ".join(["a whole number" if schema["type"] == "integer" else "a number", " and ".join(said)]).strip()


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Settings that may be left out are a type or null; null cannot be written in TOML."""
    return next((kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"), schema)


def _nested(schema: dict[str, Any]) -> dict[str, Any]:
    schema = _without_null(schema)
    return schema.get("items") or schema["additionalProperties"]


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
