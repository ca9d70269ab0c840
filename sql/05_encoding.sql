-- Texts travel as UTF-8 to Python and back. In an encoding without a conversion, PostgreSQL does not know what the bytes
-- of a text say, and one category could be two.
do $$
begin
    if pg_catalog.getdatabaseencoding() operator(pg_catalog.<>) 'UTF8' and not exists (
        select from pg_catalog.pg_conversion c
        where c.condefault
            and pg_catalog.pg_encoding_to_char(c.conforencoding) operator(pg_catalog.=) pg_catalog.getdatabaseencoding()
            and pg_catalog.pg_encoding_to_char(c.contoencoding) operator(pg_catalog.=) 'UTF8') then
        raise exception using
            errcode = '0A000',
            message = pg_catalog.format(
                'motadata_ml does not work in a database of encoding %s, whose texts have no conversion to UTF-8',
                pg_catalog.getdatabaseencoding()),
            hint = 'Create a database with: create database name encoding ''UTF8'' template template0, and load a dump.';
    end if;
end
$$;
