-- Tables that clients write themselves. Row security decides which rows; who was not given schema ml by
-- ml.grant_usage does not get this far.
grant select, insert, update on ml.api_key to public;
grant usage on sequence ml.api_key_seq to public;
grant select, insert, update, delete on ml.experiment_run, ml.experiment_param, ml.experiment_metric to public;
grant usage on sequence ml.experiment_run_seq, ml.experiment_metric_seq to public;
grant select on ml.experiment_runs to public;
