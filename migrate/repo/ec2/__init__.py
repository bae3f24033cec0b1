"""How a repository runs on EC2: its shell, machines, data and schedules, each fact with the file and line that says it."""
