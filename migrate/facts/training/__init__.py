"""Training loops: where they stand, what runs inside them, and what they carry from one turn to the next."""
