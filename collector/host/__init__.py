"""What runs on this host already: VMs, their descriptors, names, memory."""

from collector.host.discovery import scan

__all__ = ["scan"]
