-- Failures in a row for reasons that are retried in the same way (automation/tenants/reasons.ts): so many stall it. An
-- outage that went before counts in attempts only, which makes the pauses longer.
alter table tenant_deployments add column strikes integer not null default 0;
alter table standalone_tunnels add column strikes integer not null default 0;
