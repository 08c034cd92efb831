"""What the drivers of one protocol share, so that no driver imports another: connections, settings, formats, credentials."""
