"""What the kernel itself holds of its VMs, read by drgn: live, or from a vmcore."""
