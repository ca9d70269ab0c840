-- Building blocks of the server package. Each runs with the caller's rights unless it says otherwise.

-- The bytes of an array as it lies in memory: header, null bitmap, values. Any built-in that copies its argument
-- unchanged would do; numeric's unary plus is one, and it never looks inside. One memcpy replaces a call per cell.
create function ml._bytes(float8[]) returns bytea
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._bytes(float8[]) is 'Internal: the bytes of an array.';
create function ml._bytes(int4[]) returns bytea
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._bytes(int4[]) is 'Internal: the bytes of an array.';

-- The way back: numbers as PL/Python returns them, in one bytea, become an array without a call per number. The
-- header is made here from the length alone, so that whatever bytes come in, a valid array comes out; only the
-- owner may reinterpret bytes as they are.
create function ml._as_float8_array(image bytea) returns float8[]
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._as_float8_array(bytea) is 'Internal: take the memory image of an array; unsafe, owner only.';
create function ml._as_int4_array(image bytea) returns int4[]
    language internal immutable strict parallel safe as 'numeric_uplus';
comment on function ml._as_int4_array(bytea) is 'Internal: take the memory image of an array; unsafe, owner only.';

create function ml._array_header(element_type oid, length integer) returns bytea
    language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
select decode('0100000000000000', 'hex')
    || set_byte(set_byte(decode('00000000', 'hex'), 0, element_type::integer & 255), 1, element_type::integer >> 8)
    || set_byte(set_byte(set_byte(set_byte(decode('00000000', 'hex'),
        0, length & 255), 1, (length >> 8) & 255), 2, (length >> 16) & 255), 3, (length >> 24) & 255)
    || decode('01000000', 'hex')
$$;
comment on function ml._array_header(oid, integer) is 'Internal: header of a one-dimensional array without NULLs.';

create function ml._float8_array(data bytea) returns float8[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when length(data) < 8 then '{}'::float8[] else
    ml._as_float8_array(ml._array_header(701, length(data) / 8) || substring(data for length(data) / 8 * 8)) end
$$;
comment on function ml._float8_array(bytea) is 'Internal: packed doubles as an array.';
create function ml._int4_array(data bytea) returns int4[]
    language sql immutable strict parallel safe security definer set search_path = pg_catalog, pg_temp as $$
select case when length(data) < 4 then '{}'::int4[] else
    ml._as_int4_array(ml._array_header(23, length(data) / 4) || substring(data for length(data) / 4 * 4)) end
$$;
comment on function ml._int4_array(bytea) is 'Internal: packed integers as an array.';

create function ml._open_cursor(query text) returns refcursor
    language plpgsql stable as $$
declare
    input refcursor;
begin
    open input no scroll for execute query;
    return input;
end
$$;
comment on function ml._open_cursor(text) is 'Internal: open a cursor; PostgreSQL refuses all but one SELECT.';

create function ml._close_cursor(cursor_name text) returns void
    language plpgsql volatile as $$
declare
    input refcursor := cursor_name;
begin
    close input;
end
$$;
comment on function ml._close_cursor(text) is 'Internal: close a cursor.';

create function ml._fetch(cursor_name text, row_count integer) returns setof record
    language plpgsql volatile as $$
begin
    return query execute pg_catalog.format('fetch forward %s from %I', row_count, cursor_name);
end
$$;
comment on function ml._fetch(text, integer) is 'Internal: the next rows of an open cursor.';

-- The definer helpers take nothing: they run the one operation that the server package has left in this
-- process's memory after checking the caller's rights. Called directly they find none and refuse.
create function ml._run_read() returns void
    language plpython3u stable security definer set search_path = pg_catalog, pg_temp as $$
from motadata_ml_server.definer import run_pending
run_pending()
$$;
comment on function ml._run_read() is 'Internal: run the pending read operation as the owner.';
create function ml._run_write() returns void
    language plpython3u volatile security definer set search_path = pg_catalog, pg_temp as $$
from motadata_ml_server.definer import run_pending
run_pending()
$$;
comment on function ml._run_write() is 'Internal: run the pending write operation as the owner.';
