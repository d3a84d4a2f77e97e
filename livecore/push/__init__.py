"""Web Push: a device that is away is woken up, and told nothing; what there is it fetches itself."""
