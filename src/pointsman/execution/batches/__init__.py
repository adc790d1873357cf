"""Work that can wait, at the batch APIs of the providers."""
