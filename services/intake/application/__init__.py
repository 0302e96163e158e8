"""What intake can do: commands, handlers of foreign events, read models and ports."""
