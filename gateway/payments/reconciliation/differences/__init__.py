"""What doesn't agree: found once, listed, settled by people's choices, undone."""
