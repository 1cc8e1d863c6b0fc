"""What REST and pages share: typed parameters, error answers, dependencies of endpoints.

`parameters` turns an address into values, `answers` turns results and errors into responses,
`dependencies` hands endpoints what they ask for by type, `feed` watches the database for all of
them.
"""

__all__: list[str] = []
