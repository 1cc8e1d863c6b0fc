"""gmemscope: see which pages of a KVM guest were private, which shared, and who converted them.

`model` is the pure core, `store` the database, `queries` what is asked of it; `api`, `pages`,
`report` and `commands` show the answers. `main` puts the dashboard together, `cli` the command.
"""

__all__: list[str] = []
