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
    revoked_at pg_catalog.timestamptz,
    scope pg_catalog.text not null default 'read'
        constraint api_key_scope check (scope operator(pg_catalog.=) any (array['predict', 'read', 'admin']))
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
comment on column ml.api_key.scope is
    'predict: predictions alone; read: the descriptions of models as well; admin: deploy and roll back as well.';

-- Row security without a policy: nobody reads or writes the table but the owner. What a tenant may see of its keys is the
-- view, what it may change goes through the functions.
alter table ml.api_key enable row level security;

select pg_catalog.pg_extension_config_dump('ml.api_key', '');
select pg_catalog.pg_extension_config_dump('ml.api_key_seq', '');

create function ml.create_api_key(
    name pg_catalog.text,
    scope pg_catalog.text default 'predict',
    expires_at pg_catalog.timestamptz default null,
    tenant_id pg_catalog.text default null
) returns pg_catalog.text
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import create_api_key
return create_api_key(name, scope, expires_at, tenant_id)
$$;
comment on function ml.create_api_key is
    'Make an API key of a tenant for the serving process and return it: it cannot be shown again.';

create function ml.revoke_api_key(key_id bigint, tenant_id pg_catalog.text default null) returns boolean
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import revoke_api_key
return revoke_api_key(key_id, tenant_id)
$$;
comment on function ml.revoke_api_key is 'Revoke an API key of a tenant at once, and return whether there was one.';

create function ml._api_keys(
    out tenant_id pg_catalog.text, out id bigint, out name pg_catalog.text, out scope pg_catalog.text,
    out created_at pg_catalog.timestamptz, out created_by pg_catalog.name, out expires_at pg_catalog.timestamptz,
    out revoked_at pg_catalog.timestamptz
) returns setof pg_catalog.record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import api_keys
return api_keys()
$$;
comment on function ml._api_keys is 'Internal: the rows of ml.api_keys.';
create view ml.api_keys as
select tenant_id, id, name, scope, created_at, created_by, expires_at, revoked_at from ml._api_keys();
comment on view ml.api_keys is
    'API keys of the tenants that the caller may act for, without the keys and their digests.';
comment on column ml.api_keys.tenant_id is 'The tenant that the key speaks for.';
comment on column ml.api_keys.id is 'Key of the row, by which a key is revoked.';
comment on column ml.api_keys.name is 'What its maker calls it.';
comment on column ml.api_keys.scope is
    'predict: predictions alone; read: the descriptions of models as well; admin: deploy and roll back as well.';
comment on column ml.api_keys.created_at is 'When it was made.';
comment on column ml.api_keys.created_by is 'The role that made it.';
comment on column ml.api_keys.expires_at is 'When it stops to count; NULL for never.';
comment on column ml.api_keys.revoked_at is 'When it was revoked; NULL where it was not.';

-- What the serving process calls. The digest of a key stands for the key, so who knows one learns no more than its
-- holder does; the role that asks has to act for the key's tenant itself, whatever rights it has over rows.
create function ml._api_key(
    key_digest pg_catalog.bytea, caller pg_catalog.oid, out tenant_id pg_catalog.text, out scope pg_catalog.text
) returns setof pg_catalog.record
    language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- plpgsql, because it keeps the plan: a function in SQL would be planned with every request
    return query
    select k.tenant_id, k.scope from ml.api_key k
    where k.digest operator(pg_catalog.=) key_digest and k.revoked_at is null
        and (k.expires_at is null or k.expires_at operator(pg_catalog.>) pg_catalog.statement_timestamp())
        and (
            exists (select from pg_catalog.pg_roles r where r.oid operator(pg_catalog.=) caller and r.rolsuper)
            or exists (
                select from ml.tenant_role r
                where r.tenant_id operator(pg_catalog.=) k.tenant_id
                    and pg_catalog.pg_has_role(caller, r.role::pg_catalog.oid, 'usage')));
end
$$;
comment on function ml._api_key(pg_catalog.bytea, pg_catalog.oid) is
    'Internal: tenant and scope of an API key that counts, where a role may act for that tenant.';

create function ml._serve_requests(
    key_digest pg_catalog.bytea, model_id pg_catalog.text, inputs pg_catalog.text[], version pg_catalog.text,
    tenant pg_catalog.text, out tenant_id pg_catalog.text, out scope pg_catalog.text, out answers pg_catalog.text[],
    out errors pg_catalog.text[]
)
    language plpython3u stable parallel unsafe as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import serve_requests
    SD["entry"] = serve_requests
return SD["entry"](key_digest, model_id, inputs, version, tenant)
$$;
comment on function ml._serve_requests is
    'Internal: answer requests of one API key for one model, each with its own answer or error.';

create function ml._serve_rows(
    key_digest pg_catalog.bytea, model_id pg_catalog.text, input pg_catalog.text, version pg_catalog.text,
    tenant pg_catalog.text, out tenant_id pg_catalog.text, out scope pg_catalog.text, out answer pg_catalog.text
)
    language plpython3u stable parallel unsafe as $$
if "entry" not in SD:
    from motadata_ml_server.entrypoints import serve_rows
    SD["entry"] = serve_rows
return SD["entry"](key_digest, model_id, input, version, tenant)
$$;
comment on function ml._serve_rows is 'Internal: answer one request of an API key for many rows.';

create function ml._warm_models(most integer) returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import warm_models
return warm_models(most)
$$;
comment on function ml._warm_models is
    'Internal: load the models that were asked for most often, and return how many.';
