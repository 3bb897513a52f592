steward help
