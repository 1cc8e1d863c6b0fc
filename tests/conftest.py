"""What holds for every test."""

PLUGINS = ("acting", "parallel", "patience", "skips", "small_guest", "unpacked")

pytest_plugins = tuple(f"tests.{name}" for name in PLUGINS)
