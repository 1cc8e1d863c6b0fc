"""Errors that a command ends with, each with its exit status."""


class CommandError(Exception):
    """The command cannot do what was asked; the message names why and what to do."""

    exit_status = 1


class UsageError(CommandError):
    """The options do not go together, or mean what is not allowed."""

    exit_status = 2


class HostError(CommandError):
    """This host lacks something; the message names it."""

    exit_status = 3
