-- As 0018, for containers' own tunnels.
alter table standalone_tunnels add column unlock_before timestamptz;
