"""Live media: the forwarding plane in worker processes, and the recorder."""
