"""The evaluation harness: suites, runners, records, statistics, reports and the command line."""
