"""Keeps each host name to its own database, on an Odoo that serves many tenants.

`dbfilter` decides which database a page is shown from, but a login by JSON and the RPC services take the database from
the request's body: at one tenant's door anybody could knock at a neighbour's. Loaded server-wide (`server_wide_modules`
in odoo.conf) this module holds those doors to the same filter, closes the `db` service, and finds the database of a
customer's own domain, which `^%d$` cannot. Written for Odoo 14 to 19; proven on 14 by the platform's end-to-end tests.
"""

import logging
import os

from odoo import http
from odoo.addons.base.controllers import rpc
from odoo.exceptions import AccessDenied

_logger = logging.getLogger(__name__)

# Lines "<host name> <database>", kept by the platform (odoo-database.sh).
DOMAINS = "/etc/odoosaas/domains"

_domains = (None, {})


def custom_domains():
    """The file's mapping, read again when it has changed."""
    global _domains
    try:
        stamp = os.stat(DOMAINS)
    except FileNotFoundError:
        return {}
    version = (stamp.st_mtime_ns, stamp.st_ino)
    if _domains[0] != version:
        with open(DOMAINS) as lines:
            _domains = (version, dict(line.split() for line in lines if line.strip()))
    return _domains[1]


def host_of(given):
    """Host name of the request: `given` is what db_filter got, a request (Odoo 14, 15) or a host (16 and later)."""
    if isinstance(given, str):
        host = given
    else:
        asked = given or (http.request and http.request.httprequest)
        host = asked.environ.get("HTTP_HOST", "") if asked else ""
    return host.split(":")[0].lower()


filter_by_host = http.db_filter


def db_filter(dbs, *args, **kwargs):
    given = args[0] if args else next(iter(kwargs.values()), None)
    database = custom_domains().get(host_of(given))
    if database is not None:
        return [db for db in dbs if db == database]
    return filter_by_host(dbs, *args, **kwargs)


def check(db):
    """Refuses a database that is not this host name's. Which databases exist is not told: the answer is always this."""
    if not isinstance(db, str) or not db_filter([db]):
        _logger.warning("refused database %r at %s", db, host_of(None))
        raise AccessDenied()


dispatch_unchecked = rpc.dispatch_rpc


def dispatch_rpc(service_name, method, params):
    if service_name == "db" and method != "server_version":
        raise AccessDenied()
    if service_name in ("common", "object") and params:
        check(params[0])
    return dispatch_unchecked(service_name, method, params)


Session = getattr(http, "Session", None) or http.OpenERPSession
authenticate_unchecked = Session.authenticate


def authenticate(self, db, *args, **kwargs):
    check(db)
    return authenticate_unchecked(self, db, *args, **kwargs)


http.db_filter = db_filter
http.dispatch_rpc = dispatch_rpc
rpc.dispatch_rpc = dispatch_rpc
Session.authenticate = authenticate
_logger.info("each host name is kept to its own database")
