"""gmemscope: see which pages of a KVM guest were private, which shared, and who converted them."""
