"""One request through several runners, side by side; requests recorded, and replayed."""
