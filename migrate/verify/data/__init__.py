"""Data for the channels that is less than all of it, or made up."""
