"""One file per question: ``ask(board, slice, by)`` and its typed answer. ``registry`` lists them."""
