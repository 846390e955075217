"""The base of every role: engines, tasks in virtual time, scripts, notices, and the roles of a dialect."""
