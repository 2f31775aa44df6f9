"""Methods, a module or a small folder each, with its `SPECS`."""
