"""CALL rows to EVENT rows of VMs.

`assembler` splits a batch: rare calls that change what there is (`process_calls`, `layout_calls`)
one by one, floods (`floods`) as columns. `identity` finds the VM of a call, `memslots` the guest
pages behind a file's or an address range.
"""

from collector.assemble._assembler import Assembler, parts_of
from collector.assemble._border import LAST_NS

__all__ = [
    "LAST_NS",
    "Assembler",
    "parts_of",
]
