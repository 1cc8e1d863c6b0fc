"""Numbers as people read them; static/js/shared/units.js and time.js write the same way."""

from datetime import UTC, datetime

from app.model.guest import NS_PER_LINE, PAGE_SHIFT, PAGE_SIZE

THIN_SPACE = "\u2009"
NS_PER_S = 10**9
ROUNDS_UP = 1023.95
"""From here on, one decimal would show 1024.0."""
BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def count(number: int) -> str:
    """434176 -> "434 176", with thin spaces."""
    return f"{number:,}".replace(",", THIN_SPACE)


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """1 -> "1 VM", 2 -> "2 VMs"; `nouns` where an s is not enough."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def size(number: float) -> str:
    """4089446 -> "3.9 MiB": one decimal, except of bytes."""
    unit = 0
    while number >= (1024 if unit == 0 else ROUNDS_UP) and unit < len(BINARY_UNITS) - 1:
        number /= 1024
        unit += 1
    return f"{number:.{1 if unit else 0}f} {BINARY_UNITS[unit]}"


def pages(number: int) -> str:
    """A number of pages, as a size."""
    return size(number * PAGE_SIZE)


def more_pages(number: int) -> str:
    """A difference of pages, as a size: -512 -> "−2.0 MiB"."""
    return ("+" if number >= 0 else "−") + pages(abs(number))


def hex_gpa(gfn: int) -> str:
    """0x110000 -> "0x110000000": the address of a page, as answers write it."""
    return hex(int(gfn) << PAGE_SHIFT)


def address(hexadecimal: str) -> str:
    """ "0x110000000" -> "0x1_1000_0000": two groups at least, so that columns line up.

    What stands for an address where none may be shown stays as it is.
    """
    if not hexadecimal.startswith("0x"):
        return hexadecimal
    return f"0x{int(hexadecimal, 16):011_x}"


def address_after(hexadecimal: str, npages: int) -> str:
    """The end of so many pages, the address being in the first one; as `address` where none is."""
    if not hexadecimal.startswith("0x"):
        return hexadecimal
    return hex((int(hexadecimal, 16) // PAGE_SIZE + npages) * PAGE_SIZE)


def time(ns: int) -> str:
    """12345678000 -> "t+12.345 678 s"; nanoseconds only when there are any."""
    seconds, fraction = divmod(ns, NS_PER_S)
    digits = f"{fraction:09d}" if fraction % 1000 else f"{fraction // 1000:06d}"
    groups = THIN_SPACE.join(digits[i : i + 3] for i in range(0, len(digits), 3))
    return f"t+{count(seconds)}.{groups} s"


def duration(ns: int) -> str:
    """41234 -> "41.2 µs": to three digits."""
    for unit, length in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if ns < length * 999.5:
            return f"{ns / length:.3g} {unit}"
    seconds = ns / NS_PER_S
    return f"{seconds:.3g} s" if seconds < 999.5 else f"{round(seconds)} s"


def age(seconds: int) -> str:
    """260000 -> "3 days": in whole units, the largest of which there are two."""
    for unit, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * unit:
            return plural(seconds // unit, noun)
    return plural(seconds, "second")


def line(ns: int) -> str:
    """4711000 -> "line 4 711": a time by the clock that counts lines."""
    return f"line {count(ns // NS_PER_LINE)}"


def lines(ns: int) -> str:
    """12000 -> "12 lines": a duration by that clock, to three digits where it is short."""
    number = ns / NS_PER_LINE
    if number >= 99.5:
        return f"{count(round(number))} lines"
    return f"{number:.3g} {'line' if number == 1 else 'lines'}"


def rate(per_second: float) -> str:
    """12345.6 -> "12 346/s"; below a hundred to three digits. Nearly none is not none."""
    if 0 < per_second < 0.01:
        return "< 0.01/s"
    return f"{count(round(per_second)) if per_second >= 99.5 else f'{per_second:.3g}'}/s"


def rate_by_lines(per_second: float) -> str:
    """The same by the clock that counts lines: 250000 -> "250/1k lines"."""
    return rate(per_second * NS_PER_LINE * 1000 / NS_PER_S).replace("/s", "/1k lines")


def share(part: float) -> str:
    """0.0712 -> "7.1 %", 0.5 -> "50 %". Nearly none is not none, nearly all is not all."""
    if 0 < part < 0.001:
        return "< 0.1 %"
    if 0.999 < part < 1:
        return "> 99.9 %"
    percent = 100.0 * part
    return f"{percent:.0f} %" if percent.is_integer() else f"{percent:.1f} %"


def wall_time(ns: str | None) -> str | None:
    """UNIX time in ns, as text, to the second; None stays None."""
    if ns is None:
        return None
    return datetime.fromtimestamp(int(ns) // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lost(events: int, stretches: int) -> str:
    """How many events were lost, as far as it is known. Nothing lost: the empty string."""
    if not stretches:
        return ""
    return f"{count(events)} events lost" if events else "an unknown number of events lost"
