"""The papers, each a few lines of composition."""
