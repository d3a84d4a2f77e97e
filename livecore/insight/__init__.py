"""What clients report of themselves: use, diagnostics, crashes, performance, device facts; and which experiments they are in."""
