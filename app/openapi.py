"""The description of all resources: what FastAPI describes, and what it does not know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.http.answers import SCHEMAS_PLACE, Problem

TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "Only of a dashboard that was started with one (GMEMSCOPE_TOKEN).",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
        )
        components = made.setdefault("components", {})
        components.setdefault("schemas", {}).update(_problem_schemas())
        components["securitySchemes"] = {"token": TOKEN}
        app.openapi_schema = made | {"security": [{"token": []}, {}]}
    return app.openapi_schema


def _problem_schemas() -> dict[str, Any]:
    _, schema = models_json_schema(
        [(Problem, "serialization")], ref_template=f"{SCHEMAS_PLACE}{{model}}"
    )
    schemas: dict[str, Any] = schema["$defs"]
    return schemas
