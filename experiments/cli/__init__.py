"""The command line `chipgym`: one file a subcommand."""
