"""What runs on this host already: VMs, their descriptors, names, memory."""
