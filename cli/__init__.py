"""The command line: each file reads options, calls postwright and prints. No logic lives here."""
