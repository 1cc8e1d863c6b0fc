"""What a recording shows of the dialect of its KVM_MEMORY_ENCRYPT_REG_REGION; see hva_ranges."""

REGIONS_CONVERT = (
    "KVM_MEMORY_ENCRYPT_REG_REGION takes guest addresses here: it is the conversion itself, as in"
    " the private-memory series of 2022."
)
REGIONS_PIN = (
    "KVM_MEMORY_ENCRYPT_REG_REGION takes the VMM's own addresses here: it pins memory, as for SEV,"
    " and converts none."
)
