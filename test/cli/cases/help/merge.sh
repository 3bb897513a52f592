steward merge --help
