-- Which server process answers, and the isolation of a transaction that asks for none.
select pg_backend_pid(), current_setting('default_transaction_isolation') = 'read committed'
