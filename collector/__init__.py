"""From a KVM host, or from what was recorded on one, to a recording.

Bytes become RECORD rows (`trace`, `capture`), records become CALL rows (`pairing`), calls become
EVENT rows of VMs (`assemble`), which go to a `RecordingSink` of the store. `kvm` has what the
kernel calls its things; `simulator` makes events without a kernel.
"""

__all__: list[str] = []
