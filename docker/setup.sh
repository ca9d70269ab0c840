#!/bin/bash
# Create the extension, or bring it to this image's version, and train the model that the health check asks.
#
# Runs by itself when the container makes its data folder. On an older one: docker exec NAME setup.sh
set -euo pipefail
local-psql.sh -q -f - <<'SQL'
set client_min_messages = warning;
create extension if not exists motadata_ml cascade;
alter extension motadata_ml update;
\o /dev/null
select ml.refresh_usage();
insert into ml.tenant (tenant_id) values ('health') on conflict do nothing;
select not exists (select from ml.models where tenant_id = 'health' and model_id = 'health') as missing \gset
\if :missing
select status from ml.train('health', 'regression', 'select x, 2.0 * x as y from generate_series(1, 20) as x', 'y',
    algorithm => 'linear', tenant_id => 'health');
\endif
SQL
