"""HTML for people: one file per page, registered here."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
