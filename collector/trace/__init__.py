"""Recorded traces: from the bytes of a file to calls in order of time.

A class for each format (`formats.FORMATS`) does what `imported_file` asks of it. What is wrong with
a file is one error, `errors.InputError`, whatever read it.
"""
