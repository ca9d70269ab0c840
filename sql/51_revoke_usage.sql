create function ml.revoke_usage(role_name name, tenant_id text default 'default') returns void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import revoke_usage
revoke_usage(role_name, tenant_id)
$$;
comment on function ml.revoke_usage is 'Take back what ml.grant_usage gave a role for a tenant.';

create function ml.refresh_usage() returns integer
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import refresh_usage
return refresh_usage()
$$;
comment on function ml.refresh_usage is
    'Give every role that acts for a tenant the rights of the installed version, and return how many.';
