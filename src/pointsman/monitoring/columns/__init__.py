"""The turns in columns: a DuckDB file beside the store, made from it and made anew from it whenever needed."""
