"""What a session or a capture comes to: lines for people, objects for machines, tables of counts and times."""
