"""The recorded machine's /proc/kallsyms: which function lies at an address."""

from collections.abc import Iterable

from collector.trace.tracedat._blocks import BlockReader
from collector.trace.tracedat._bytes_file import text_of
from collector.trace.tracedat._contents import Contents
from collector.trace.tracedat._version7 import open_section

NEAR = 16  # bytes: a probe may sit behind the ENDBR and the tracing hook at a function's start


def read_kallsyms(blocks: BlockReader, contents: Contents) -> str:
    """Its text, "" if there is none. Raises InputError if it is damaged."""
    if contents.kallsyms_at is None:
        return ""
    offset, size = contents.kallsyms_at
    if contents.version == 6:
        return text_of(blocks.file.read(offset, size))
    cursor, _ = open_section(blocks, offset)
    return text_of(cursor.take(cursor.u32()))


def symbols_at(addresses: Iterable[int], kallsyms: Iterable[str]) -> dict[int, str]:
    """The function that begins at or just before each address, where kallsyms has one."""
    wanted = sorted(addresses)
    found: dict[int, tuple[int, str]] = {}
    for line in kallsyms:
        words = line.split()
        if len(words) < 3 or words[1] not in "tTwW":
            continue
        start = _hexadecimal(words[0])
        for address in wanted:
            if start <= address <= start + NEAR and start >= found.get(address, (0, ""))[0]:
                found[address] = (start, words[2])
    return {address: name for address, (_, name) in found.items()}


def _hexadecimal(word: str) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0
