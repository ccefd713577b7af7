"""What happens to pixels: brought to a size, put on a background, made into the other half of a pair."""
