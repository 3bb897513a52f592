fails steward merge --strict --appl
fails steward merg
