"""HTML for people, one file per page; a page's file also has the fragments htmx asks for."""

from fastapi import APIRouter

from app.pages import (
    backing,
    coverage,
    diff,
    explorer,
    history,
    home,
    importing,
    login,
    recording,
    storms,
    stretches,
)

router = APIRouter()
router.include_router(home.router)
router.include_router(explorer.router)
router.include_router(recording.router)
router.include_router(coverage.router)
router.include_router(storms.router)
router.include_router(stretches.router)
router.include_router(backing.router)
router.include_router(diff.router)
router.include_router(history.router)
router.include_router(importing.router)
router.include_router(login.router)
