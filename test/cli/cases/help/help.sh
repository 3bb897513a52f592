steward help --help
