-- What the tenant's plan meant when it last ran, so that a plan which leaves the configuration leaves nobody stuck.
-- null until the first run.
alter table tenant_deployments add column plan_settings jsonb;
