# Runs on a tenant host: python3 new-sessions.py DATABASE STOP, until the file STOP is there. See rotating.ts.
import configparser
import json
import os
import sys
import threading

import psycopg2

database, stop = sys.argv[1:]
odoo = configparser.RawConfigParser()
odoo.read("/etc/odoo/odoo.conf")
served, bad, lock = 0, [], threading.Lock()


def open_sessions():
    global served
    while not os.path.exists(stop):
        try:
            session = psycopg2.connect(
                host="127.0.0.1",
                port=6432,
                user=odoo["options"]["db_user"],
                password=odoo["options"]["db_password"],
                dbname=database,
            )
            cursor = session.cursor()
            cursor.execute("select 1")
            with lock:
                served += 1
        except psycopg2.Error as error:
            with lock:
                bad.append(str(error).strip())
            continue
        try:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")
        except psycopg2.Error:
            pass
        session.close()


threads = [threading.Thread(target=open_sessions) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"served": served, "bad": bad[:20]}))
