/** Attributes that are switched on and off by a word: property, word, its opposite. */
export const SWITCHES = [
  ["superuser", "SUPERUSER", "NOSUPERUSER"],
  ["createDatabase", "CREATEDB", "NOCREATEDB"],
  ["createRole", "CREATEROLE", "NOCREATEROLE"],
  ["inherit", "INHERIT", "NOINHERIT"],
  ["login", "LOGIN", "NOLOGIN"],
  ["bypassRowLevelSecurity", "BYPASSRLS", "NOBYPASSRLS"],
  ["replication", "REPLICATION", "NOREPLICATION"],
] as const;
/** Settings of the role's sessions: property, variable. */
export const VARIABLES = [
  ["statementTimeout", "statement_timeout"],
  ["idleInTransactionSessionTimeout", "idle_in_transaction_session_timeout"],
  ["assumeRole", "role"],
] as const;
