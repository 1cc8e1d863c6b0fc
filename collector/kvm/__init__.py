"""What this project knows of KVM itself: `uapi`, the numbers of its ABI.

Nothing here is read or recorded; everything that reads, records or pairs what KVM is asked for
takes its numbers from here.
"""
