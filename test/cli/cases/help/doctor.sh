steward doctor --help
