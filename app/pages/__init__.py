"""HTML for people, one file per page; a page's file also has the fragments htmx asks for.

A page asks the queries that REST asks, renders a template, and leaves to the browser what moves:
maps and timelines come from REST, hosts, coverage and storm lists as fragments.
"""

from fastapi import APIRouter

from app.pages import (
    _backing as backing,
    _deleting as deleting,
    _diff as diff,
    _explorer as explorer,
    _history as history,
    _home as home,
    _importing as importing,
    _login as login,
    _recordings as recordings,
    _storms as storms,
)
from app.pages._errors import answer_http_error, prefers_html, refusal
from app.pages._home import Hosts
from app.pages._login import LOGIN_PATH, login_page

router = APIRouter()
router.include_router(home.router)
router.include_router(explorer.router)
router.include_router(recordings.router)
router.include_router(deleting.router)
router.include_router(storms.router)
router.include_router(backing.router)
router.include_router(diff.router)
router.include_router(history.router)
router.include_router(importing.router)
router.include_router(login.router)

__all__ = [
    "LOGIN_PATH",
    "Hosts",
    "answer_http_error",
    "login_page",
    "prefers_html",
    "refusal",
]
