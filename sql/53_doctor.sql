create function ml.doctor() returns table (check_name text, ok boolean, detail text, remedy text)
    language plpython3u stable parallel unsafe as $$
from motadata_ml_server.entrypoints import doctor
return doctor()
$$;
comment on function ml.doctor is 'Check the installation, each check with its remedy.';
