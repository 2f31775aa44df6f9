"""What all tests share."""

import os

# Set before JAX is first imported: tests neither read nor fill the user's compilation cache.
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
