steward verify --help
