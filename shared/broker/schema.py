"""The tables of the broker's file, and the way from an older file to them."""

from __future__ import annotations

import sqlite3

_VERSION = 1
"""Kept in the file as `user_version`. 0 was the first form, without sizes."""

_TABLES = """
create table if not exists meta (name text primary key, value text not null);
create table if not exists topic (name text primary key, configs text not null);
create table if not exists partition (
    id integer primary key autoincrement,
    topic text not null, number integer not null,
    log_start integer not null default 0, next_offset integer not null default 0,
    size integer not null default 0, clean_to integer not null default 0,
    unique (topic, number));
create table if not exists batch (
    partition_id integer not null, base_offset integer not null, last_offset integer not null,
    max_timestamp integer not null, size integer not null, records blob not null);
create index if not exists batch_head on batch (
    partition_id, base_offset, last_offset, max_timestamp, size);
create table if not exists producer (
    producer_id integer not null, partition_id integer not null,
    epoch integer not null, recent text not null, touched_at real not null,
    primary key (producer_id, partition_id)) without rowid;
create table if not exists consumer_group (
    name text primary key, generation integer not null, protocol_type text not null);
create table if not exists committed_offset (
    group_name text not null, topic text not null, partition integer not null,
    next_offset integer not null, leader_epoch integer not null, metadata text not null,
    primary key (group_name, topic, partition)) without rowid;
"""
"""`batch_head` holds all there is to know of a batch but its records, so that searching by time and
by age never touches them. That a base offset is there once is `partition.next_offset`'s doing, which
is read and written in the transaction that appends."""

_FROM_FIRST_FORM = """
drop index if exists batch_place;
drop index if exists batch_time;
alter table partition add column size integer not null default 0;
alter table partition add column clean_to integer not null default 0;
alter table batch rename to old_batch;
"""
_TAKE_OVER = """
insert into batch
    select partition_id, base_offset, last_offset, max_timestamp, length(records), records from old_batch;
drop table old_batch;
update partition set size = coalesce((select sum(size) from batch where partition_id = partition.id), 0);
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring an older file's up to date in one transaction. Raises sqlite3.Error.

    A file from a newer broker is refused with sqlite3.DatabaseError.
    """
    (version,) = connection.execute("pragma user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.DatabaseError(f"the file has form {version}, this broker knows up to {_VERSION}")
    has_tables = connection.execute("select 1 from sqlite_master where name = 'batch'").fetchone()
    is_old = version == 0 and has_tables
    steps = (_FROM_FIRST_FORM, _TABLES, _TAKE_OVER) if is_old else (_TABLES,)
    connection.execute("begin immediate")
    try:
        for statement in "".join(steps).split(";"):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {_VERSION}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
