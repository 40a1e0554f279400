"""What the project is measured with; every number in the README comes from a JSON file written here."""
