"""Which worlds come next."""
