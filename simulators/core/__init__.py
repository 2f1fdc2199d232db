"""What all simulators share: typed errors, seeding, hashing, files, comparison with references."""
