create view ml.models with (security_invoker = true) as
select m.tenant_id, m.model_id, m.model_type, v.version as deployed_version, v.algorithm, v.target, v.metrics,
    v.training_rows, v.trained_at, v.trained_by,
    (select count(*) from ml.model_version a where a.model = m.id) as versions, m.created_at
from ml.model m
left join ml.model_version v on v.id = m.deployed_version_id;
comment on view ml.models is 'Models the caller may use, each with its deployed version.';

create view ml.model_versions with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, v.id = m.deployed_version_id as deployed, v.model_type, v.algorithm,
    v.hyperparameters, v.target, v.classes, v.metrics, v.training_rows, v.dropped_rows, v.source_tables,
    v.random_state, v.runtime ->> 'name' as runtime, v.warnings, v.library_versions, v.trained_by, v.trained_at,
    v.training_time
from ml.model_version v
join ml.model m on m.id = v.model;
comment on view ml.model_versions is 'Versions of the models the caller may use.';

create view ml.trials with (security_invoker = true) as
select m.tenant_id, m.model_id, v.version, t.number, t.hyperparameters, t.score, t.details
from ml.trial t
join ml.model_version v on v.id = t.version_id
join ml.model m on m.id = v.model;
comment on view ml.trials is 'Trials of the hyperparameter searches of the models the caller may use.';
