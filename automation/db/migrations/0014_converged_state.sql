-- What a run has last made of it, whatever has become of later ones: whether it is suspended is known from here. It was
-- told by tunnel_active, which from now on follows the probes through the edge.
alter table tenant_deployments add column converged_state text check (converged_state in ('active', 'suspended', 'deleted'));
update tenant_deployments set converged_state =
  case when state = 'deleted' then 'deleted' when tunnel_active then 'active' when observed_generation > 0 then 'suspended' end;
alter table standalone_tunnels add column converged_state text check (converged_state in ('active', 'deleted'));
