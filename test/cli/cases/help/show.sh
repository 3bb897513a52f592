steward show --help
