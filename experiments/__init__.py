"""Everything that touches the world: files, processes, terminals, plots and configuration."""

__version__ = "0.1.0"
