/** The SQL of the hand-written service: one table, known when it was written. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

const table = 'bench_shop_sales.order_v1';

const record = `row_to_json((select r from (select t.id, t.version, t.order_number, t.customer, t.status, t.region,
    t.amount::text as amount, t.quantity, t.express, t.ordered_on, t.carrier, t.notes,
    t.created_at, t.created_by, t.updated_at, t.updated_by) r))::text`;

/** Role and request context: what row-level security, history and audit look at. */
export const context: Statement = {
  name: 'context',
  text: `
    select set_config('role', 'velocity_bench_shop_sales', true),
           set_config('velocity.organisation', 'bench', true),
           set_config('velocity.actor', $1, true),
           set_config('velocity.actor_type', 'service', true),
           set_config('velocity.strategy', 'apikey', true),
           set_config('velocity.request_id', $2, true),
           set_config('velocity.grants', $3, true),
           set_config('velocity.reason', $4, true),
           set_config('velocity.ticket_ref', $5, true)`,
};

export const getOrder: Statement = {
  name: 'get-order',
  text: `select t.version, ${record} as data from ${table} t where t.id = $1::uuid and t.deleted_at is null`,
};

/** A page of one status, newest first: one more than the page, to know whether another follows. */
export const listOrders: Statement = {
  name: 'list-orders',
  text: `
    select string_agg(row_to_json(r)::text, E',\\n') as data, count(*)::int as found,
           (array_agg(r.ordered_on))[50]::text as last_ordered_on, (array_agg(r.id))[50] as last_id
      from (select t.id, t.version, t.order_number, t.customer, t.status, t.region, t.amount::text as amount,
                   t.quantity, t.express, t.ordered_on, t.carrier, t.notes,
                   t.created_at, t.created_by, t.updated_at, t.updated_by
              from ${table} t
             where t.status = $1::text and t.deleted_at is null
             order by t.ordered_on desc, t.id desc
             limit 51) r`,
};

export const createOrder: Statement = {
  name: 'create-order',
  text: `
    insert into ${table} as t
           (id, order_number, customer, status, region, amount, quantity, express, ordered_on, carrier, notes)
    values ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::numeric, $7::bigint, $8::boolean, $9::date, $10::text, $11::text)
    returning t.id, t.version, ${record} as data`,
};

/** Undefined members keep what is there. */
export const updateOrder: Statement = {
  name: 'update-order',
  text: `
    update ${table} as t
       set status = coalesce($3::text, t.status), region = coalesce($4::text, t.region),
           quantity = coalesce($5::bigint, t.quantity), carrier = coalesce($6::text, t.carrier),
           notes = coalesce($7::text, t.notes),
           version = t.version + 1,
           updated_at = greatest(platform.occurred_at(), t.updated_at + interval '1 microsecond'),
           updated_by = platform.actor()
     where t.id = $1::uuid and t.deleted_at is null and t.version = $2::bigint
    returning t.id, t.version, ${record} as data`,
};

export const createOrders: Statement = {
  name: 'create-orders',
  text: `
    insert into ${table} (id, order_number, customer, status, region, amount, quantity, express, ordered_on, carrier, notes,
                          created_at, created_by, updated_at, updated_by)
    select r.id, r.order_number, r.customer, r.status, r.region, r.amount, r.quantity, r.express, r.ordered_on,
           r.carrier, r.notes, c.at, c.actor, c.at, c.actor
      from json_to_recordset($1::json)
           as r (id uuid, order_number text, customer text, status text, region text, amount numeric, quantity bigint,
                 express boolean, ordered_on date, carrier text, notes text)
     cross join (select platform.occurred_at() as at, platform.actor() as actor offset 0) as c`,
};
