"""The data map at work: export, erasure and retention of what is kept about people."""
