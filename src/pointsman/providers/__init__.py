"""Wire dialects of model providers, the hosts that speak them, and the transport beneath."""
