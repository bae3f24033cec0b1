"""Job -> files, with jinja2 from templates/."""

from migrate.generate.files import FOLDER, Generated, GeneratedFile, Kept, generate, jobs_of

__all__ = ["FOLDER", "Generated", "GeneratedFile", "Kept", "generate", "jobs_of"]
