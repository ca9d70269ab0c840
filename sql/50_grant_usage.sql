create function ml.grant_usage(role_name name, tenant_id text default 'default', admin boolean default false)
    returns void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import grant_usage
grant_usage(role_name, tenant_id, admin)
$$;
comment on function ml.grant_usage is 'Let a role act for a tenant: train, predict and manage its models.';
