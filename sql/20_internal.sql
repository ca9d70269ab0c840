-- Building blocks of the server package. Each runs with the caller's rights unless it says otherwise.

-- The bytes of an array as it lies in memory: header, null bitmap, values. Any built-in that copies its argument
-- unchanged would do; numeric's unary plus is one, and it never looks inside. One memcpy replaces a call per cell.
create function ml._bytes(pg_catalog.float8[]) returns pg_catalog.bytea
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._bytes(pg_catalog.float8[]) is 'Internal: the bytes of an array.';
create function ml._bytes(pg_catalog.int4[]) returns pg_catalog.bytea
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._bytes(pg_catalog.int4[]) is 'Internal: the bytes of an array.';

-- The way back: numbers as PL/Python returns them, in one bytea, become an array without a call per number. The
-- header is made here from the length alone, so that whatever bytes come in, a valid array comes out; only the
-- owner may reinterpret bytes as they are.
create function ml._as_float8_array(image pg_catalog.bytea) returns pg_catalog.float8[]
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._as_float8_array(pg_catalog.bytea) is
    'Internal: take the memory image of an array; unsafe, owner only.';
create function ml._as_int4_array(image pg_catalog.bytea) returns pg_catalog.int4[]
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._as_int4_array(pg_catalog.bytea) is
    'Internal: take the memory image of an array; unsafe, owner only.';

create function ml._array_header(element_type pg_catalog.oid, length integer) returns pg_catalog.bytea
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
select pg_catalog.decode('0100000000000000', 'hex')
    operator(pg_catalog.||) pg_catalog.set_byte(
        pg_catalog.set_byte(
            pg_catalog.decode('00000000', 'hex'), 0, element_type::integer operator(pg_catalog.&) 255),
        1, element_type::integer operator(pg_catalog.>>) 8)
    operator(pg_catalog.||) pg_catalog.set_byte(
        pg_catalog.set_byte(
            pg_catalog.set_byte(
                pg_catalog.set_byte(
                    pg_catalog.decode('00000000', 'hex'), 0, length operator(pg_catalog.&) 255),
                1, (length operator(pg_catalog.>>) 8) operator(pg_catalog.&) 255),
            2, (length operator(pg_catalog.>>) 16) operator(pg_catalog.&) 255),
        3, (length operator(pg_catalog.>>) 24) operator(pg_catalog.&) 255)
    operator(pg_catalog.||) pg_catalog.decode('01000000', 'hex')
$$;
comment on function ml._array_header(pg_catalog.oid, integer) is
    'Internal: header of a one-dimensional array without NULLs.';

create function ml._float8_array(data pg_catalog.bytea) returns pg_catalog.float8[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when pg_catalog.length(data) operator(pg_catalog.<) 8 then '{}'::pg_catalog.float8[] else
    ml._as_float8_array(
        ml._array_header(701, pg_catalog.length(data) operator(pg_catalog./) 8)
        operator(pg_catalog.||) substring(
            data for pg_catalog.length(data) operator(pg_catalog./) 8 operator(pg_catalog.*) 8)) end
$$;
comment on function ml._float8_array(pg_catalog.bytea) is 'Internal: packed doubles as an array.';
create function ml._int4_array(data pg_catalog.bytea) returns pg_catalog.int4[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when pg_catalog.length(data) operator(pg_catalog.<) 4 then '{}'::pg_catalog.int4[] else
    ml._as_int4_array(
        ml._array_header(23, pg_catalog.length(data) operator(pg_catalog./) 4)
        operator(pg_catalog.||) substring(
            data for pg_catalog.length(data) operator(pg_catalog./) 4 operator(pg_catalog.*) 4)) end
$$;
comment on function ml._int4_array(pg_catalog.bytea) is 'Internal: packed integers as an array.';

create function ml._open_cursor(query pg_catalog.text) returns pg_catalog.refcursor
    language plpgsql stable as $$
declare
    input pg_catalog.refcursor;
begin
    open input no scroll for execute query;
    return input;
end
$$;
comment on function ml._open_cursor(pg_catalog.text) is
    'Internal: open a cursor; PostgreSQL refuses all but one SELECT.';

create function ml._close_cursor(cursor_name pg_catalog.text) returns pg_catalog.void
    language plpgsql volatile as $$
declare
    input pg_catalog.refcursor := cursor_name;
begin
    close input;
end
$$;
comment on function ml._close_cursor(pg_catalog.text) is 'Internal: close a cursor.';

create function ml._fetch(cursor_name pg_catalog.text, row_count integer) returns setof pg_catalog.record
    language plpgsql volatile as $$
begin
    return query execute pg_catalog.format('fetch forward %s from %I', row_count, cursor_name);
end
$$;
comment on function ml._fetch(pg_catalog.text, integer) is 'Internal: the next rows of an open cursor.';

-- The definer helpers take nothing: they run the one operation that the server package has left in this
-- process's memory after checking the caller's rights. Called directly they find none and refuse.
create function ml._run_read() returns pg_catalog.void
    language plpython3u stable security definer set search_path = pg_catalog, pg_temp as $$
from motadata_ml_server.definer import run_pending
run_pending()
$$;
comment on function ml._run_read() is 'Internal: run the pending read operation as the owner.';
create function ml._run_write() returns pg_catalog.void
    language plpython3u volatile security definer set search_path = pg_catalog, pg_temp as $$
from motadata_ml_server.definer import run_pending
run_pending()
$$;
comment on function ml._run_write() is 'Internal: run the pending write operation as the owner.';
