-- Say a word on the channel that listeners hear, as a push does that rings.
select pg_notify(:channel, :word)
