"""Files of a host below some root, read without raising: what may not be read is remembered."""

from pathlib import Path


class Tree:
    """`root` is / on a host, a folder in tests. Paths begin with a slash."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.forbidden: list[str] = []  # what is there, or may be, but not for this caller

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def content(self, path: str) -> bytes | None:
        """None if it is not there or may not be read (then it is in `forbidden`)."""
        try:
            return self.path(path).read_bytes()
        except PermissionError:
            self._forbid(path)
        except OSError:
            pass
        return None

    def text(self, path: str) -> str | None:
        """Stripped; None as of `content`."""
        content = self.content(path)
        return None if content is None else content.decode(errors="replace").strip()

    def names(self, path: str) -> list[str] | None:
        """What a folder holds, sorted; None as of `content`."""
        try:
            return sorted(each.name for each in self.path(path).iterdir())
        except PermissionError:
            self._forbid(path)
        except OSError:
            pass
        return None

    def has(self, path: str) -> bool | None:
        """None: a folder on the way may not be looked into."""
        try:
            self.path(path).stat()
        except PermissionError:
            self._forbid(path)
            return None
        except OSError:
            return False
        return True

    def _forbid(self, path: str) -> None:
        if path not in self.forbidden:
            self.forbidden.append(path)
