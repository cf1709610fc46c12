"""Requests to a served model: bodies of JSON or CSV become raw input, and OpenAPI is told what they may hold."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rnnexp import strict
from rnnexp.errors import ConfigError, DataError, did_you_mean
from rnnexp.tasks.requests import RequestSchema

JSON, CSV = "application/json", "text/csv"
ROWS, PARAMS = "rows", "params"


def read_body(body: bytes, content_type: str, asked: RequestSchema) -> tuple[Any, dict[str, Any]]:
    """Return the raw input of a request and its params; ConfigError or DataError for what is neither JSON nor CSV."""
    if not body.strip():
        raise DataError(f'the body is empty; send {{"{ROWS}": [...]}} as {JSON}, or a table as {CSV}')
    kind = content_type.partition(";")[0].strip().lower()
    if kind == CSV:
        return _read_csv(body, asked), {}
    if kind == JSON:
        return _read_json(body)
    raise ConfigError(f"Content-Type: `{strict.shorten(kind)}` given; must be {JSON} or {CSV}")


def read_params(given: Mapping[str, Any], asked: RequestSchema) -> dict[str, Any]:
    """Check what a request asks for besides, as JSON values or texts of its address; ConfigError has every mistake."""
    problems, params = [], dict[str, Any]()
    for key, value in given.items():
        if key not in asked.params:
            known = f"; known: {', '.join(asked.params)}" if asked.params else "; this model takes none"
            problems.append(f"{strict.shorten(key)}: is no parameter{did_you_mean(key, asked.params) or known}")
            continue
        try:
            params[key] = TypeAdapter(_type_of(asked.params[key])).validate_python(value)
        except ValidationError as error:
            why = error.errors()[0]["msg"][:1].lower() + error.errors()[0]["msg"][1:]
            problems.append(f"{key}: {strict.shorten(repr(value))} given; {why}")
    if problems:
        raise ConfigError(*problems)
    return params


def read_query(pairs: Sequence[tuple[str, str]], asked: RequestSchema) -> dict[str, Any]:
    """Return the params in the address of a request; one that is a list may be there several times."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if isinstance(asked.params.get(key), list):
            found.setdefault(key, []).extend(value.split(","))
        else:
            found[key] = value
    return found


def _type_of(usual: Any) -> Any:
    return list[int] if isinstance(usual, list) else type(usual)


def _read_csv(body: bytes, asked: RequestSchema) -> Any:
    """Read a table; one of texts stays as it is written, `007` and `NA` too."""
    import pandas

    as_written: dict[str, Any] = {"dtype": str, "keep_default_na": False} if asked.columns else {}
    try:
        return pandas.read_csv(io.StringIO(body.decode("utf-8-sig")), **as_written)
    except UnicodeDecodeError:
        raise DataError("the body is not UTF-8") from None
    except (ValueError, pandas.errors.ParserError) as error:
        raise DataError(f"the body is not CSV: {strict.shorten(error)}") from None


def _read_json(body: bytes) -> tuple[Any, dict[str, Any]]:
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError("the body is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"the body is not JSON: {strict.shorten(error)}") from None
    if not isinstance(found, dict) or ROWS not in found:
        raise DataError(f'the body must be {{"{ROWS}": [...]}}, with "{PARAMS}": {{...}} beside where any are wanted')
    if unknown := [key for key in found if key not in (ROWS, PARAMS)]:
        raise DataError(f"`{strict.shorten(unknown[0])}`: the body holds `{ROWS}` and `{PARAMS}` alone")
    if not isinstance(found[ROWS], list):
        raise DataError(f"`{ROWS}` must be a list")
    params = found.get(PARAMS) or {}
    if not isinstance(params, dict):
        raise DataError(f"`{PARAMS}` must be names with values")
    return _lay_rows(found[ROWS]), params


def _lay_rows(rows: list[Any]) -> Any:
    """Return records as a table; texts and nested lists of numbers as they are."""
    if not rows or not all(isinstance(row, dict) for row in rows):
        if any(isinstance(row, dict) for row in rows):
            raise DataError(f"`{ROWS}`: some are records with named columns and others are not")
        return rows
    import pandas

    return pandas.DataFrame(rows)


def describe_request(asked: RequestSchema, example: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the request body of a prediction as OpenAPI has it."""
    params = {name: _describe_param(usual) for name, usual in asked.params.items()}
    record: dict[str, Any] = {"type": "object"}
    if asked.columns:
        record["properties"] = {name: {"type": "string"} for name in asked.columns}
    row = {"anyOf": [record, {"type": "string"}, {"type": "array", "items": {}}]}
    schema: dict[str, Any] = {
        "type": "object",
        "required": [ROWS],
        "additionalProperties": False,
        "properties": {
            ROWS: {"type": "array", "items": row},
            PARAMS: {"type": "object", "additionalProperties": False, "properties": params},
        },
    }
    told = {"example": example} if example else {}
    return {"required": True, "content": {JSON: {"schema": schema, **told}, CSV: {"schema": {"type": "string"}}}}


def describe_query(asked: RequestSchema) -> list[dict[str, Any]]:
    """Return the params as OpenAPI has those of an address."""
    return [
        {"name": name, "in": "query", "required": False, "schema": _describe_param(usual)}
        for name, usual in asked.params.items()
    ]


def _describe_param(usual: Any) -> dict[str, Any]:
    return {**TypeAdapter(_type_of(usual)).json_schema(), "default": usual}
