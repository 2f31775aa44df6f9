"""Everything that touches the world: files, processes, terminals, plots and configuration."""
