steward rules --help
