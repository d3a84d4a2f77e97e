"""Friends, blocks, follows, and people worth meeting."""
