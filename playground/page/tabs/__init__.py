"""The tabs of the page: one file each, with TITLE, LEAD (in a line, what it shows and what to try) and build(page)."""
