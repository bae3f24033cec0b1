"""What a script does that belongs to a machine of one's own: commands, instance metadata, windows, questions, copies to and from S3."""
