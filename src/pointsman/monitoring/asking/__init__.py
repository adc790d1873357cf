"""What all questions share: which turns (``Slice``), by what, and the board they are asked of. Start with ``asker.Asker``."""
