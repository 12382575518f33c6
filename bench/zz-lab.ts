import { provision } from './fixture/provision.ts';
import { startDatabase } from './servers/database.ts';
import { openPgbench } from './servers/pgbench.ts';

const database = await startDatabase();
const key = await provision(database.operatorUrl);
await database.query(`insert into bench_shop_sales.order_v1 (order_number, customer, status, region, amount, quantity, express, ordered_on, carrier, notes)
 select 'SO-'||lpad(n::text,10,'0'), 'Customer '||(n%5000)||' & Sons', (array['open','paid','packed','shipped','returned'])[1+n%5], (array['emea','amer','apac'])[1+n%3], n%100000+0.25, 1+n%250, n%4=0, date '2024-01-01'+(n*7%1000), 'carrier '||n%20, 'Leave at the door of house '||n%300||', call before delivery.' from generate_series(1,100000) n`);
await openPgbench(database);
await database.query('vacuum analyze');
console.log(JSON.stringify({ port: database.port, folder: database.folder, key }));
process.on('SIGTERM', () => void database.stop().then(() => process.exit(0)));
setInterval(() => {}, 1e6);
