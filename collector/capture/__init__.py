"""From a running host to records: live sources, what runs already, what the host can show.

`live` is what every live source is to the agent, `choice` picks the one that shows most.
"""

__all__: list[str] = []
