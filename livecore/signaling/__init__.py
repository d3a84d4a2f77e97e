"""The Socket.IO edge: connections, their events, and what is sent to them."""
