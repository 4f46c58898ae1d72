"""What a fleet wants in DNS, a module per kind of record. Pure; ``records.desired`` puts them together."""
