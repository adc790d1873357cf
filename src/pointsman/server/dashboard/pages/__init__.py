"""One module per page: an async function ``show(view) -> Shown``, and ``act(view)`` where the page takes forms."""
