"""Public keys of devices, so that clients can encrypt end to end. The server hands them out and never needs a text."""
