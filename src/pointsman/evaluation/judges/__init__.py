"""Models that judge replies: asked in both orders, never of their own kind, and measured against people before they count."""
