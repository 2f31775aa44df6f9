"""How an objective learns."""
