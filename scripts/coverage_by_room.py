"""How much of each room the tests ran, from what `coverage run` left behind."""

from collections import Counter
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[1]


def counted(measured: Coverage) -> tuple[Counter[str], Counter[str]]:
    """Statements of each room, and how many of them were run."""
    statements, run = Counter[str](), Counter[str]()
    for file in measured.get_data().measured_files():
        _, lines, _, missing, _ = measured.analysis2(file)
        room = str(Path(file).relative_to(ROOT).parent)
        statements[room] += len(lines)
        run[room] += len(lines) - len(missing)
    return statements, run


def main() -> None:
    measured = Coverage()
    measured.load()
    statements, run = counted(measured)
    for room, count in [*sorted(statements.items()), ("all", statements.total())]:
        of_these = run.total() if room == "all" else run[room]
        share = f"{of_these / count:8.1%}" if count else f"{'':8}"
        print(f"{room:<32}{of_these:>8} of {count:>6}{share}")


if __name__ == "__main__":
    main()
