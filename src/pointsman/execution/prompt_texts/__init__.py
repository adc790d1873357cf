"""The shipped prompts, one text per role; ``execution.prompts`` reads them."""
