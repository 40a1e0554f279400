"""What the project is measured with; every figure in README.md and docs/ comes from a JSON file written here."""
