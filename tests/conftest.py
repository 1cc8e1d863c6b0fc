"""What holds for every test."""

import sys

# pytest keeps what it made of each test's assertions, as `gmemscope warm` keeps the bytecode: where
# the environment forbids it (PYTHONDONTWRITEBYTECODE, as in many containers), each process that
# shares the tests would make it anew, in each run.
sys.dont_write_bytecode = False

PLUGINS = ("acting", "parallel", "patience", "skips", "small_guest", "unpacked")

pytest_plugins = tuple(f"tests.{name}" for name in PLUGINS)
