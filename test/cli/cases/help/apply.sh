steward apply --help
