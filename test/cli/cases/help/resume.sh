steward resume --help
