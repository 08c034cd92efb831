"""One file a driver; none knows another."""
