"""Shapes of answers: JSON, CSV, Arrow or Parquet, problem details, and what a browser may do with
them.

A table of `app.queries.tables` leaves in the format that the address or the Accept header names; an
error leaves as one problem document (RFC 9457), whichever room raised it.
"""

from app.http.answers._formats import (
    API_PREFIX,
    OPENAPI_PATH,
    TABLE_RESPONSES,
    AnswerOf,
    OnlyJson,
    SuffixMiddleware,
    json_response,
    quality,
)
from app.http.answers._headers import SECURITY_HEADERS
from app.http.answers._problems import (
    PROBLEMS,
    PROBLEMS_OF_ALL,
    PROBLEMS_OF_BODIES,
    PROBLEMS_OF_CHANGES,
    SCHEMAS_PLACE,
    BadParameter,
    Problem,
    add_problem_handlers,
    problem_response,
    problems,
)

__all__ = [
    "API_PREFIX",
    "OPENAPI_PATH",
    "PROBLEMS",
    "PROBLEMS_OF_ALL",
    "PROBLEMS_OF_BODIES",
    "PROBLEMS_OF_CHANGES",
    "SCHEMAS_PLACE",
    "SECURITY_HEADERS",
    "TABLE_RESPONSES",
    "AnswerOf",
    "BadParameter",
    "OnlyJson",
    "Problem",
    "SuffixMiddleware",
    "add_problem_handlers",
    "json_response",
    "problem_response",
    "problems",
    "quality",
]
