"""The pgqueue command."""
