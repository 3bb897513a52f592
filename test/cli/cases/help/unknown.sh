fails steward help mrege
