"""The pure core: arrays go in, arrays come out; no file, no clock, no SQL.

`guest` names what a guest consists of, `events` what happens to it. `pagemap` applies events to
the pages of a VM and yields changes; `raster` sums changes into pictures; `stats` counts them.
"""

__all__: list[str] = []
