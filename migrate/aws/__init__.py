"""The only room that talks to AWS. It reads and changes nothing there."""
