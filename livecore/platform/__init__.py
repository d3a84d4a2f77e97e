"""The borrowed engines, one adapter each. Everything here implements a promise written down in `livecore.ports`."""
