"""What makes pages, tables and pictures of the documentation from code and stored results."""
