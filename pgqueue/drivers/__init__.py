"""The places that know a storage."""
