-- Which generation of its own secrets a tenant runs with, as of its last successful run; settings.secretGeneration is
-- the one it should run with (components/tenant/secrets.ts, automation/tenants/rotation.ts).
alter table tenant_deployments add column applied_secrets jsonb not null default '{"tunnel": 1, "postgresRole": 1}';
