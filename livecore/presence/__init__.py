"""Who is here, since when, and who may know."""
