bucket = "acme-driving"
