"""Where a text trace says that events were lost: from the last moment known to be complete on."""

from pathlib import Path

import pytest

from collector.trace.text._losses import TextLoss, find_losses

HEAD = "# tracer: nop\n#\n# entries-in-buffer/entries-written: {}/{}   #P:{}\n#\n"


def event(t_us: int, cpu: int, rest: str = "sys_ioctl -> 0x0") -> str:
    seconds, fraction = divmod(t_us, 1_000_000)
    return f"             vmm-7       [{cpu:03}] ..... {seconds:>5}.{fraction:06}: {rest}\n"


def losses(tmp_path: Path, text: str, overwritten: int = 0) -> list[TextLoss]:
    path = tmp_path / "trace.txt"
    path.write_text(text)
    return find_losses(path, overwritten)


def test_what_was_overwritten_may_be_newer_than_all_but_the_last_cpus_first_event(
    tmp_path: Path,
) -> None:
    """However late in the file that comes."""
    early = "".join(event(10 + i, 0) for i in range(50_000))
    text = HEAD.format(50_002, 60_000, 3) + early + event(60_000, 2) + event(60_001, 0)
    (loss,) = losses(tmp_path, text, overwritten=9_998)
    assert (loss.begin_ns, loss.end_ns, loss.count) == (None, 60_000_000, 9_998)


def test_loss_lies_between_the_events_of_its_cpu(tmp_path: Path) -> None:
    text = event(1, 1) + event(2, 0) + "CPU:1 [LOST 3 EVENTS]\n" + event(3, 0) + event(4, 1)
    assert losses(tmp_path, text) == [TextLoss(1_000, 4_000, 1, 3)]


@pytest.mark.parametrize("mark", ["CPU:1 [LOST 3 EVENTS]\n", "CPU:1 [3 EVENTS DROPPED]\n"])
def test_loss_after_which_its_cpu_is_silent_lasts_to_the_end(tmp_path: Path, mark: str) -> None:
    text = event(1, 1) + event(2, 0) + mark + event(3, 0) + event(9, 0)
    assert losses(tmp_path, text) == [TextLoss(1_000, 9_000, 1, 3)]


def test_sum_that_perf_tells_at_its_end_reaches_back_to_the_last_event(tmp_path: Path) -> None:
    told = "             vmm     7 [001]     0.000000000: PERF_RECORD_LOST_SAMPLES lost 5\n"
    text = event(1, 1) + event(2, 0) + event(9, 0) + told
    assert losses(tmp_path, text) == [TextLoss(1_000, 9_000, 1, 5)]
