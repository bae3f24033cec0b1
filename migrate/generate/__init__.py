"""Job -> files, with jinja2 from templates/."""
