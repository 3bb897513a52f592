steward --version
