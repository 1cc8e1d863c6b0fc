"""What goes of a database that must not grow: which group is next, and what is written down of it
before it does. `app.store.retention` does it; a recorder's thread asks, again and again.
"""

from app.queries.retention._keeping import Gone, Keeping
from app.queries.retention._policy import Limits

__all__ = ["Gone", "Keeping", "Limits"]
