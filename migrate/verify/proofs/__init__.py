"""The rungs of the ladder that look at one thing each: a file a rung, from what was seen to a verdict."""
