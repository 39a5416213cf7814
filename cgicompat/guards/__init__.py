"""One small file for each thing that a script can leave behind."""
