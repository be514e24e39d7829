"""Commands of the command line: their arguments, and what each starts."""
