"""One request through several runners, side by side; and recorded requests, sent again."""
