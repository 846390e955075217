"""The roles that an engine can take: body, lens and accessories, one folder for each dialect."""
