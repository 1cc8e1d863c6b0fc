"""What this project knows of the kernel: `uapi`, the numbers of its ABI; `catalogue`, its events.

Nothing here is read or recorded; everything that records, reads or pairs events takes from here
what they are called, what they carry and what they mean. An event enters the project by its row in
the catalogue: recipes and live recordings ask for it, every decoder knows it, and its record
becomes the call and the kind of event that the row names.
"""

__all__ = ["catalogue", "uapi"]
