-- An operator vouches that whoever locked the stack before then is dead: such locks are broken by the next run.
alter table tenant_deployments add column unlock_before timestamptz;
