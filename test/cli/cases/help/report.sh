steward report --help
