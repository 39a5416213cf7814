"""Master and workers, speaking SCGI."""
