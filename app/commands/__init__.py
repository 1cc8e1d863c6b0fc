"""The subcommands of `gmemscope`, a file each, by what they are for; `usage` has what they
share. None imports anything heavy at its top: `gmemscope --help` reads them all.
"""

__all__: list[str] = []
