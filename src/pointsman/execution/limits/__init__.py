"""What a call may cost, how often, and whether its endpoint is well: asked before every call."""
