"""The schema versions in order. A published one is never edited."""

__all__: list[str] = []
