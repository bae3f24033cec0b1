"""Keys, tokens and passwords in the text of a file. Their values go nowhere: they are kept only to be left out of what is told."""

from migrate.facts.secrets.code import secrets_of
from migrate.facts.secrets.lines import hidden_in, secrets_in_lines
from migrate.facts.secrets.model import HIDDEN, Secret, hide, shown_lines
from migrate.facts.secrets.reads import ENVIRONMENT, reads_of_secrets, secret_names, variable_of
from migrate.facts.secrets.texts import is_secret, names_a_secret

__all__ = [
    "ENVIRONMENT",
    "HIDDEN",
    "Secret",
    "hidden_in",
    "hide",
    "is_secret",
    "names_a_secret",
    "reads_of_secrets",
    "secret_names",
    "secrets_in_lines",
    "secrets_of",
    "shown_lines",
    "variable_of",
]
