"""A guest book. POST / with a form field `text` adds an entry, GET / lists all of them."""

import os
import sqlite3

from flask import Flask, redirect, request

app = Flask(__name__)


def entries():
    """The database, with its table."""
    database = sqlite3.connect(os.environ["GUESTBOOK_DATABASE"])
    database.execute("create table if not exists entry (text text not null)")
    return database


@app.get("/")
def read():
    """Every entry on a line of its own."""
    with entries() as database:
        rows = database.execute("select text from entry").fetchall()
    return "".join(f"{text}\n" for (text,) in rows), {"Content-Type": "text/plain"}


@app.post("/")
def write():
    """One more entry."""
    with entries() as database:
        database.execute("insert into entry values (?)", (request.form["text"],))
    return redirect("/", 303)
