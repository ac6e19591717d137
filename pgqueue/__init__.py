"""pgqueue."""
