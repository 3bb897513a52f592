steward audit --help
