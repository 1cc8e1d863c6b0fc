"""Where a browser shows the token, once, and gets a session for it."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException

from app.access import Access, cookie_name
from app.http.dependencies import of_app
from app.http.parameters import small_body
from app.rendering import PageRoute, page

LOGIN_PATH = "/login"
FORM_TYPE = "application/x-www-form-urlencoded"
NOT_KEPT = {"Cache-Control": "no-store"}

router = APIRouter(route_class=PageRoute, include_in_schema=False)


def login_page(to: str, status: int = 401, problem: str | None = None) -> HTMLResponse:
    """Asks for the token; who has it goes on to `to`."""
    answer = page("login.html", status, to=local(to), problem=problem)
    answer.headers.update(NOT_KEPT)
    return answer


def local(to: str) -> str:
    """Where to go on to: an address of ours, whatever somebody made of the link.

    Browsers take `//host` and `/\\host` for other hosts, and leave out tabs and line breaks first.
    """
    is_ours = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if is_ours and not to.startswith(LOGIN_PATH) else "/"


AccessOf = Annotated[Access | None, Depends(of_app("access"))]


@router.get(LOGIN_PATH)
async def show_login(
    request: Request,
    access: AccessOf,
    token: Annotated[str | None, Query(description="Of links of earlier versions.")] = None,
    to: str = "/",
) -> Response:
    """The form. A token in the address is taken, and is out of the address at once."""
    if access is None or access.session_of(request.headers) is not None:
        return RedirectResponse(local(to), 303, NOT_KEPT)
    if token is None:
        return login_page(to, 200)
    return await _enter(request, access, token, to)


@router.post(LOGIN_PATH)
async def log_in(request: Request, access: AccessOf) -> Response:
    """Trade the token for a session."""
    if access is None:
        return RedirectResponse("/", 303, NOT_KEPT)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise HTTPException(415, f"send the form as {FORM_TYPE}")
    form = parse_qs((await small_body(request)).decode("latin-1"), keep_blank_values=True)
    token, to = (form.get(name, [""])[-1] for name in ("token", "to"))
    return await _enter(request, access, token.strip(), to)


async def _enter(request: Request, access: Access, token: str, to: str) -> Response:
    if not access.is_token(token):
        status, problem = await access.refuse(request.scope)
        return login_page(to, status, problem)
    answer = RedirectResponse(local(to), 303, NOT_KEPT)
    access.enter(request.headers, answer, is_secure=request.url.scheme == "https")
    return answer


@router.post("/logout")
async def log_out(request: Request, access: AccessOf) -> Response:
    """End the session, here and in the browser."""
    session = None if access is None else access.session_of(request.headers)
    if access is not None and session is not None:
        access.sessions.end(session)
    answer = RedirectResponse(LOGIN_PATH, 303, NOT_KEPT)
    answer.delete_cookie(
        cookie_name(request.headers), secure=request.url.scheme == "https", httponly=True
    )
    return answer
