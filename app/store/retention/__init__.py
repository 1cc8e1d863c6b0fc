"""What goes when a recording grows old: detail first, and cells become coarser with their age.

The segments of a coarse summary (a group) are emptied one by one and become a single row that has
expired: its events and changes are gone, its last page map and the summary's cells stay. A group of
groups becomes one in the same way. Every step is a short transaction after which every reader sees
a whole recording; one that dies in between is gone on with.
"""

from app.store.retention._groups import Group, groups
from app.store.retention._retiring import forget_cells, retire_steps
from app.store.retention._space import Space, space

__all__ = ["Group", "Space", "forget_cells", "groups", "retire_steps", "space"]
