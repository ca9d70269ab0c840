-- What a release leaves in a database, for `make_data.py`: a model of every stored kind, and everything else that a user
-- can make. Each release runs it on a server of its own; the next ones restore what came of it, and have to answer alike.
-- The server has pg_cron, and the roles old_user and old_admin.

set client_min_messages = warning;
create extension motadata_ml cascade;
create extension pg_cron;
grant usage on schema cron to old_user;

-- Two tenants, with a role that acts for one of them and an administrator of both; quotas and options.
select ml.grant_usage('old_user', 'acme');
select ml.grant_usage('old_admin', 'acme', true), ml.grant_usage('old_admin', 'default', true);
select ml.set_quota('acme', 50, 1000000000, 86400);
select ml.set_option('threads', '1');
select ml.set_option('chunk_rows', '50000');

create table rows as
select i as id, round((10 * sin(i))::numeric, 4)::float8 as load, i % 11 as visits,
    (array['red', 'green', 'blue', null])[1 + i % 4] as colour, i % 3 > 0 as member,
    timestamp '2020-01-01' + i * interval '31 hours' as seen, date '2020-01-01' + i * 5 as day,
    case when i % 17 > 0 then round((3 * cos(i * 5))::numeric, 3) end as gap,
    array[round(cos(i)::numeric, 3), round(sin(i * 3)::numeric, 3), i % 5]::float8[] as point,
    'ticket ' || i % 9 || ' about the ' || (array['network', 'invoice', 'printer'])[1 + i % 3] || ' that '
        || (array['is slow', 'vanished', 'fails', 'blinks'])[1 + i % 4] as note,
    'shop ' || i % 4 as shop,
    case when sin(i) + (i % 11) / 20.0 > 0.2 then 'high' else 'low' end as grade,
    (array['bronze', 'silver', 'gold'])[1 + floor(abs(sin(i)) * 2.99)::integer] as medal,
    20 + 3 * sin(i) + (i % 11) / 4.0 as price
from generate_series(1, 200) as i;
grant select on rows to old_user, old_admin;

-- Linear forms: numbers, NULLs, categories, booleans, dates, timestamps, texts and vectors as features.
select ml.train('linear', 'regression',
    'select load, visits, gap, colour, member, seen, day, price from rows', 'price', algorithm => 'ridge');
select ml.train('logistic', 'classification', 'select load, visits, colour, note, medal from rows', 'medal',
    algorithm => 'logistic_regression',
    preprocess => '{"colour": {"encode": "ordinal"}, "load": {"scale": "robust"}, "visits": {"scale": "minmax"}}');
select ml.train('weighted', 'regression', 'select load, point, shop, visits, price from rows', 'price',
    algorithm => 'linear', preprocess => '{"visits": {"type": "weight"}, "shop": {"encode": "target"}}');
select ml.train('streamed', 'classification', 'select load, visits, colour, grade from rows', 'grade',
    algorithm => 'SGDClassifier', execution => '{"mode": "stream", "chunk_rows": 100}');
select ml.train('clusters', 'clustering', 'select load, visits from rows', algorithm => 'kmeans',
    hyperparameters => '{"n_clusters": 3}');
select ml.train('components', 'decomposition', 'select load, visits, gap from rows', algorithm => 'pca',
    hyperparameters => '{"n_components": 2}');

-- ONNX: trees of scikit-learn, with a search; trees that are stored in their compiled form alone; an anomaly score.
select ml.train('boosted', 'regression', 'select load, visits, gap, colour, price from rows', 'price',
    algorithm => 'hist_gradient_boosting', hyperparameters => '{"max_iter": 3, "max_leaf_nodes": 5}');
select ml.train('xgboost', 'classification', 'select load, visits, gap, grade from rows', 'grade',
    algorithm => 'xgboost', hyperparameters => '{"n_estimators": 4, "max_depth": 2}');
select ml.train('lightgbm', 'regression', 'select load, visits, gap, price from rows', 'price',
    algorithm => 'lightgbm', hyperparameters => '{"n_estimators": 4, "num_leaves": 4}');
select ml.train('odd', 'anomaly', 'select load, visits from rows', algorithm => 'isolation_forest',
    hyperparameters => '{"n_estimators": 3, "max_samples": 16}');

-- What has no compiled form is stored as scikit-learn's estimator alone.
select ml.train('svm', 'classification', 'select load, visits, colour, grade from rows', 'grade', algorithm => 'SVC');

-- A model a group, and one of each kind in it.
select ml.train('groups linear', 'regression', 'select load, visits, shop, price from rows', 'price',
    algorithm => 'ridge', group_by => 'shop');
select ml.train('groups trees', 'classification', 'select load, visits, shop, grade from rows', 'grade',
    algorithm => 'decision_tree', hyperparameters => '{"max_depth": 2}', group_by => 'shop');
select ml.train('groups svm', 'classification', 'select load, visits, member, grade from rows', 'grade',
    algorithm => 'SVC', group_by => 'member');

-- The other tenant's role: several versions, a search, a rollback, a schedule and its runs.
set session authorization old_user;
select ml.train('forest', 'classification', 'select load, visits, colour, seen, grade from rows', 'grade',
    algorithm => 'random_forest', hyperparameters => '{"n_estimators": 3, "max_depth": 3}');
select ml.train('forest', 'classification', 'select load, visits, colour, seen, grade from rows', 'grade',
    algorithm => 'random_forest',
    search => '{"method": "grid", "cv": 2, "params": {"max_depth": [2, 3], "n_estimators": [2]}}');
select ml.train('forest', 'classification', 'select load, visits, grade from rows', 'grade', algorithm => 'decision_tree',
    hyperparameters => '{"max_depth": 2}', cv => 2);
select ml.rollback('forest');
select ml.train('nightly', 'regression', 'select load, visits, price from rows', 'price', algorithm => 'ridge');
select ml.schedule_training('nightly', '0 3 * * *', 'rmse', 0.1, interval '7 days', 0.3);
select ml.run_schedule('nightly');
select ml.unschedule_training('nightly'), ml.schedule_training('nightly', '0 3 * * *', 'rmse', 0.1);
select ml.run_schedule('nightly');
reset session authorization;

-- Keys of the serving process, and an experiment.
set session authorization old_admin;
insert into ml.api_key (tenant_id, name, digest)
values ('acme', 'shop window', sha256('key of the shop window')), ('default', 'till', sha256('key of the till'));
update ml.api_key set revoked_at = now() where name = 'till';
reset session authorization;
set session authorization old_user;
insert into ml.experiment_run (tenant_id, experiment, name, status, tags)
values ('acme', 'prices', 'first try', 'finished', '{"team": "blue"}');
insert into ml.experiment_param (run_id, tenant_id, name, value)
select id, tenant_id, 'alpha', '0.5' from ml.experiment_run;
insert into ml.experiment_metric (run_id, tenant_id, name, value, step)
select id, tenant_id, 'rmse', 3.5 - step, step from ml.experiment_run, generate_series(1, 3) as step;
reset session authorization;

-- Each deployed model's answers to some rows, NULLs, and values that no training saw.
create table answers_of as
select * from rows where id % 10 = 1;
insert into answers_of (id, load, visits, colour, member, seen, day, gap, point, note, shop)
values (1001, 1e6, -3, 'mauve', null, 'infinity', '1999-12-31', null, '{0,0,0}', 'nothing known', 'shop 1'),
    (1002, null, null, null, null, null, null, null, '{1,2,3}', null, 'shop 2'),
    (1003, 0.5, 4, 'red', false, '2020-02-29 12:00:00', '2024-02-29', 0, '{-1,1,0}', '', 'no such shop');
create table expected (model text, tenant text, id integer, answer jsonb);
do $$
declare
    model record;
    given record;
begin
    for model in select model_id, tenant_id from ml.models order by tenant_id desc, model_id loop
        for given in select * from answers_of order by id loop
            begin
                insert into expected
                values (model.model_id, model.tenant_id, given.id,
                    ml.predict(model.model_id, to_jsonb(given), tenant_id => model.tenant_id));
            exception when sqlstate 'ML011' then -- an estimator that takes no NULL refuses such a row
                null;
            end;
        end loop;
    end loop;
end
$$;

-- What other functions say of them: the scores, and what a version remembers of its training rows.
create table expected_calls (call text, answer jsonb);
do $$
declare
    call text;
    answer jsonb;
begin
    foreach call in array array[
        $c$ml.evaluate('linear', 'rows')$c$,
        $c$ml.evaluate('xgboost', 'rows')$c$,
        $c$ml.evaluate('groups trees', 'rows')$c$,
        $c$ml.evaluate('forest', 'rows', tenant_id => 'acme')$c$,
        $c$(select jsonb_agg(d order by d.feature) from ml.drift('linear', 'select * from rows where id > 120') d)$c$,
        $c$(select jsonb_agg(d order by d.feature) from ml.drift('logistic', 'select * from rows where id > 120') d)$c$,
        $c$(select jsonb_agg(d order by d.feature) from ml.drift('groups svm', 'select * from rows where id < 90') d)$c$,
        $c$(select jsonb_agg(c order by c.actual, c.predicted) from ml.confusion_matrix('svm', 'rows') c)$c$,
        $c$(select jsonb_agg(p order by p.id::int) from ml.predict_batch('boosted', 'select * from rows limit 9', 'id') p)$c$,
        $c$(select jsonb_agg(p order by p.id::int) from ml.predict_batch('groups linear', 'select * from rows limit 9', 'id') p)$c$
    ] loop
        execute 'select to_jsonb(' || call || ')' into answer;
        insert into expected_calls values (call, answer);
    end loop;
end
$$;

drop extension pg_cron;
