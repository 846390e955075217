"""Results of sessions and captures: lines for people, objects for machines, tables of counts and times."""
