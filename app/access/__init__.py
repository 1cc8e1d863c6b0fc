"""Who may ask: the token, sessions of browsers that showed it, and what wrong guesses cost.

Every request passes `Access`: a bearer token or a session's cookie lets it through; a wrong token
makes its sender wait longer for each further answer.
"""

from app.access._access import PAYING, Access, cookie_name
from app.access._guesses import origin_of

__all__ = [
    "PAYING",
    "Access",
    "cookie_name",
    "origin_of",
]
