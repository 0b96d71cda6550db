"""The tabs of the page: one file each, with TITLE and build(page)."""
