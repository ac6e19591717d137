create schema demo;

create table demo.files (
  id bigint generated always as identity primary key,
  path text not null,
  bytes bigint not null,
  status text not null default 'waiting' check (status in ('waiting', 'indexed'))
);
comment on table demo.files is 'The source files; each row was committed together with its job.';

create table demo.definitions (
  file bigint not null references demo.files,
  name text not null,
  kind text not null check (kind in ('function', 'class')),
  line integer not null
);
comment on table demo.definitions is 'What the files define, written in the transaction that completed the file''s job.';

-- No unique constraint: a file that is indexed twice must show here, not be hidden.
create table demo.indexed (
  file bigint not null references demo.files,
  job bigint not null,
  attempt integer not null,
  worker integer not null,
  definitions integer not null,
  at timestamptz not null default clock_timestamp()
);
comment on table demo.indexed is 'One row for each completion, written in the completing transaction.';

create table demo.deaths (
  job bigint primary key,
  reason text not null,
  failures integer not null
);
comment on table demo.deaths is 'What the processor of dead letters was given: each dead job once.';

create table demo.runs (
  job bigint not null,
  attempt integer not null,
  worker integer not null,
  at timestamptz not null default clock_timestamp()
);
comment on table demo.runs is 'One row for each start of the handler, committed by itself before anything else.';
