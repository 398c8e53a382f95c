"""Local phone: a page that shows what recipients get, what the function did, and what happens when things go wrong."""
