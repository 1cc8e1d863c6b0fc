"""Templates to pages, and errors to pages that a person can read."""

import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.http.answers import BadParameter
from app.store.errors import Conflict, NotFound, StoreError
from app.templating import markup

logger = logging.getLogger(__name__)
UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
"""What REST answers as well where a parameter is wrong."""


def page(template: str, status: int = 200, **context: object) -> HTMLResponse:
    return HTMLResponse(markup(template, **context), status)


def error_page(status: HTTPStatus, detail: str) -> HTMLResponse:
    title = "Nothing can be shown for this address" if status == UNPROCESSABLE else status.phrase
    return page("error.html", status, title=title, detail=detail)


class PageRoute(APIRoute):
    """Answers what a person cannot have with a page, where REST answers with a problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except NotFound as error:
                return error_page(HTTPStatus.NOT_FOUND, f"{capitalised(error)}.")
            except BadParameter as error:
                return error_page(UNPROCESSABLE, f"{error}.")
            except RequestValidationError as error:
                if wrong := _wrong_query(error):
                    return error_page(UNPROCESSABLE, wrong)
                detail = f"{request.url.path} is no page: ids are whole numbers from 1."
                return error_page(HTTPStatus.NOT_FOUND, detail)
            except Conflict as error:
                return error_page(HTTPStatus.CONFLICT, f"{capitalised(error)}.")
            except StoreError as error:
                return error_page(HTTPStatus.SERVICE_UNAVAILABLE, f"{capitalised(error)}.")
            except (HTTPException, ClientDisconnect):
                raise  # answered as anywhere else
            except Exception:
                logger.exception("%s failed", request.url.path)
                detail = "gmemscope failed to make this page; the server's log names where."
                return error_page(HTTPStatus.INTERNAL_SERVER_ERROR, detail)

        return handle_or_explain


def _wrong_query(error: RequestValidationError) -> str:
    """What is wrong with the parameters after the question mark; empty if it is none of them."""
    parts = [part for part in error.errors() if part["loc"][0] == "query"]
    lines = [f"{part['loc'][1]}: {part['msg'].removeprefix('Value error, ')}." for part in parts]
    return " ".join(lines)


def capitalised(error: Exception) -> str:
    words = str(error)
    return words[:1].upper() + words[1:]
