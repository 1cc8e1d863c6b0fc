"""Where compiled code is kept: for `app.compiled`, and for whoever gives up privileges before that
room, and with it numpy and its threads, is loaded. So nothing is imported here but Python's own.
"""

from app.code_home._home import home_of_code

__all__ = ["home_of_code"]
