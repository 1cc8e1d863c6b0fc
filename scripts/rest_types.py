"""Print the types of the REST answers, as OpenAPI gives them, for the browser's scripts.

.venv/bin/python scripts/rest_types.py > static/js/shared/rest_types.d.ts
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.main import create_app
from app.settings import Settings

HEADER = "/** What the server answers: made by scripts/rest_types.py from its OpenAPI. */"
SCALARS = {
    "integer": "number",
    "number": "number",
    "string": "string",
    "boolean": "boolean",
    "null": "null",
}


def openapi() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(database_url=str(Path(folder, "empty.db"))))
        document: dict[str, Any] = app.openapi()
        return document


def type_of(schema: dict[str, Any]) -> str:
    """The TypeScript of a JSON schema, as far as answers use any."""
    match schema:
        case {"$ref": reference}:
            return str(reference).rpartition("/")[2]
        case {"anyOf": choices}:
            return " | ".join(dict.fromkeys(type_of(each) for each in choices))
        case {"enum": values}:
            return " | ".join(map(json.dumps, values))
        case {"prefixItems": items}:
            return f"[{', '.join(map(type_of, items))}]"
        case {"type": "array", "items": items}:
            return array_of(type_of(items))
        case {"type": "object"}:
            return object_of(schema)
        case {"type": str() as scalar}:
            return SCALARS[scalar]
    return "unknown"


def object_of(schema: dict[str, Any]) -> str:
    match schema:
        case {"additionalProperties": dict() as values}:
            return f"Record<string, {type_of(values)}>"
        case {"properties": _}:
            return "\n".join(["{", *fields_of(schema), "}"])
    return "Record<string, unknown>"


def array_of(item: str) -> str:
    return f"({item})[]" if "|" in item else f"{item}[]"


def fields_of(schema: dict[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        yield f"  {name}{'' if name in required else '?'}: {type_of(field)};"


def json_answer(operation: dict[str, Any]) -> str | None:
    """The type of what a resource answers as JSON when all is well."""
    answers = operation["responses"].get("200", {}).get("content", {})
    schema = answers.get("application/json", {}).get("schema")
    return None if schema is None else type_of(schema)


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    yield HEADER
    for name, schema in sorted(document["components"]["schemas"].items()):
        is_object = schema.get("type") == "object" and "properties" in schema
        body = type_of(schema)
        yield (
            f"\nexport interface {name} {body}" if is_object else f"\nexport type {name} = {body};"
        )
    stream = document["paths"]["/api/v1/stream"]["get"]["responses"]["200"]["content"]
    for event in stream["text/event-stream"]["schema"]["anyOf"]:
        yield f"\nexport interface {event['title']} {type_of(event)}"
    yield "\n/** The JSON answer to a GET, by the resource. */\nexport interface Answers {"
    for path, operations in document["paths"].items():
        if answer := json_answer(operations.get("get", {"responses": {}})):
            yield f'  "{path}": {answer};'
    yield "}"


if __name__ == "__main__":
    print("\n".join(lines_of(openapi())))
