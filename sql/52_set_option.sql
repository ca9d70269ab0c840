create function ml.set_option(name text, value text) returns void
    language plpython3u volatile parallel unsafe as $$
from motadata_ml_server.entrypoints import set_option
set_option(name, value)
$$;
comment on function ml.set_option is 'Set a server-wide option; a NULL value restores the default. Superusers only.';

create function ml._options(out name text, out value text, out default_value text, out description text)
    returns setof record
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import options
return options()
$$;
comment on function ml._options is 'Internal: the rows of ml.options.';
create view ml.options as select name, value, default_value, description from ml._options();
comment on view ml.options is 'Server-wide options with their present and default values.';
