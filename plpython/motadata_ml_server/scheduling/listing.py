"""The statements of the views on schedules and their runs, for `models.listing.of_own_tenants`."""

from __future__ import annotations

from typing import Final

from motadata_ml_server.models.listing import iso

SCHEDULES: Final = f"""
select m.tenant_id, m.model_id, s.cron, s.metric, s.min_improvement, s.max_age::pg_catalog.text as max_age, s.max_drift,
    s.role::pg_catalog.text as role, s.job_id, {iso("s.created_at")} as created_at,
    {iso("r.finished_at")} as last_run_at, r.outcome as last_outcome
from ml.schedule s
join ml.model m on m.id operator(pg_catalog.=) s.model
left join lateral (
    select finished_at, outcome from ml.schedule_run where model operator(pg_catalog.=) s.model order by id desc limit 1
) as r on true
where m.tenant_id operator(pg_catalog.=) any ($1)
order by s.id
"""  # noqa: S608 - constants

RUNS: Final = f"""
select m.tenant_id, m.model_id, {iso("r.started_at")} as started_at, {iso("r.finished_at")} as finished_at, r.outcome,
    r.reason, r.drift, r.metric, r.old_version, r.old_value, r.new_version, r.new_value,
    r.role::pg_catalog.text as role
from ml.schedule_run r
join ml.model m on m.id operator(pg_catalog.=) r.model
where m.tenant_id operator(pg_catalog.=) any ($1)
order by r.id
"""  # noqa: S608 - constants
