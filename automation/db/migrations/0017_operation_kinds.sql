-- Repairs and restarts are no operations of their own: a run repairs what it finds, and restarts stand in the audit log.
alter table operations
  drop constraint operations_kind_check,
  add constraint operations_kind_check
    check (kind in ('provision', 'update', 'suspend', 'resume', 'delete', 'preview'));
