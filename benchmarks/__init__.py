"""How fast, and next to what: `make bench` runs import_trace, store and explorer."""
