{
    "name": "Tenant gate",
    "summary": "Keeps each host name to its own database; loaded server-wide, never installed in a database",
    "version": "1.0",
    "license": "LGPL-3",
    "depends": [],
    "installable": False,
}
