"""The pages that ``pointsman serve`` shows at ``/``: server-rendered, each answers one decision."""
