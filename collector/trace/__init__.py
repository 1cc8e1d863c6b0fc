"""Foreign bytes to rows: files of tracers, and what live tracers hand out. What is wrong with
them is one error, `errors.InputError`, whatever read it.
"""

__all__: list[str] = []
