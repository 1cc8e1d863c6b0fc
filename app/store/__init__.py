"""The database: rare things are rows, floods are columns in segments.

A writer (`write`) takes what `protocol` lets a producer give and cuts it into segments
(`segments`, encoded by `codecs`); `read` answers from them, beside any writer. `database` opens
the file, `schema` knows its tables and versions, `catalogue` the rows that name what there is.
"""

__all__: list[str] = []
