"""How long who sends wrong tokens waits for the next answer."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

FREE = 5
"""So many mistakes a person makes."""
LONGEST_WAITS = 5
"""An answer waits for at most so many delays: each holds a connection."""
MOST_ADDRESSES = 4096
NETWORK_BITS = 64
"""Of an IPv6 address: who has one of them has all of the others, too."""


class Guesses:
    """Wrong tokens by the address they came from.

    Right tokens are never asked about here, so that nobody can shut out those who know it.
    """

    def __init__(self, delay_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay_s = delay_s
        self._clock = clock
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._paid_until)

    def wait_s(self, address: str) -> float:
        """Count one more wrong token; returns how long its answer is to wait, mostly 0."""
        origin, now = origin_of(address), self._clock()
        due = max(self._paid_until.get(origin, now), now)
        wait = max(0.0, due - now - (FREE - 1) * self._delay_s)
        longest = LONGEST_WAITS * self._delay_s
        if wait < longest:
            due += self._delay_s
        self._paid_until[origin] = due
        self._paid_until.move_to_end(origin)
        if len(self._paid_until) > MOST_ADDRESSES:
            self._paid_until.popitem(last=False)
        return min(wait, longest)


def origin_of(address: str) -> str:
    """Whom an address belongs to: itself, or the network of an IPv6 one."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, NETWORK_BITS), strict=False))
