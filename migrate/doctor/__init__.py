"""Whether this machine, and this AWS account, is ready for the job."""
