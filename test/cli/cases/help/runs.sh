steward runs --help
