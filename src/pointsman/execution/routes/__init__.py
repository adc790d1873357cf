"""The stages of routes that take more than one model call: plan, summarize, verify, sort."""
