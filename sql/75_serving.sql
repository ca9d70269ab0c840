-- Keys by which the serving process knows the tenant of a request.

create sequence ml.api_key_seq;
create table ml.api_key (
    id bigint primary key default pg_catalog.nextval('ml.api_key_seq'),
    tenant_id pg_catalog.text not null references ml.tenant on delete cascade,
    name pg_catalog.text not null
        check (name operator(pg_catalog.<>) '' and pg_catalog.length(name) operator(pg_catalog.<=) 200),
    digest pg_catalog.bytea not null unique check (pg_catalog.length(digest) operator(pg_catalog.=) 32),
    created_at pg_catalog.timestamptz not null default pg_catalog.now(),
    created_by pg_catalog.name not null default current_user,
    expires_at pg_catalog.timestamptz,
    revoked_at pg_catalog.timestamptz
);
alter sequence ml.api_key_seq owned by ml.api_key.id;
comment on sequence ml.api_key_seq is 'Numbers of ml.api_key.id.';
create index api_key_by_tenant on ml.api_key (tenant_id);
comment on table ml.api_key is
    'API keys of the serving process as SHA-256 digests; a key is 256 random bits and is shown once, to its maker.';
comment on column ml.api_key.id is 'Key of the row, by which a key is revoked.';
comment on column ml.api_key.tenant_id is 'The tenant that the key speaks for.';
comment on column ml.api_key.name is 'What its maker calls it.';
comment on column ml.api_key.digest is 'SHA-256 of the key.';
comment on column ml.api_key.created_at is 'When it was made.';
comment on column ml.api_key.created_by is 'The role that made it.';
comment on column ml.api_key.expires_at is 'When it stops to count; NULL for never.';
comment on column ml.api_key.revoked_at is 'When it was revoked; NULL where it was not.';

-- A role reads the keys of its tenants; only a tenant's administrators make and revoke them.
alter table ml.api_key enable row level security;
create policy own_tenants on ml.api_key for select
    using (exists (select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) api_key.tenant_id));
create policy administrators_insert on ml.api_key for insert
    with check (exists (
        select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) api_key.tenant_id and r.admin));
create policy administrators_update on ml.api_key for update
    using (exists (
        select from ml.tenant_role r where r.tenant_id operator(pg_catalog.=) api_key.tenant_id and r.admin));

select pg_catalog.pg_extension_config_dump('ml.api_key', '');
select pg_catalog.pg_extension_config_dump('ml.api_key_seq', '');
