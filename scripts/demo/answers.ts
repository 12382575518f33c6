import Table from 'cli-table3';
import type { DemoApi, DemoRecord } from './dev-api.ts';
import { airportPath, routePath } from './flights.ts';
import type { ActorKeys } from './procurement.ts';
import { orderPath, supplierPath } from './procurement.ts';

interface Airport {
  readonly iata: string;
  readonly name: string;
  readonly city: string | null;
  readonly state: string | null;
  readonly position: { readonly lat: number; readonly lon: number };
}

const earthRadiusKm = 6_371;

/** States by departures: every route, and the state of the airport where it begins. */
export async function busiestStates(api: DemoApi, top: number): Promise<string> {
  const startedAt = performance.now();
  const airports = await api.listAll(airportPath, { select: 'iata,state' });
  const routes = await api.listAll(routePath, { select: 'origin,count' });
  const stateOf = new Map(airports.map((airport) => [airport['iata'], airport['state']]));

  const states = new Map<string, Map<string, number>>();
  for (const route of routes) {
    const state = String(stateOf.get(route['origin']) ?? '?');
    const departures = states.get(state) ?? new Map<string, number>();
    const origin = String(route['origin']);
    departures.set(origin, (departures.get(origin) ?? 0) + Number(route['count']));
    states.set(state, departures);
  }
  const rows = [...states]
    .map(([state, departures]) => {
      const [busiest] = [...departures].sort((a, b) => b[1] - a[1]);
      const total = [...departures.values()].reduce((sum, count) => sum + count, 0);
      return { state, total, airports: departures.size, busiest };
    })
    .sort((a, b) => b.total - a.total)
    .slice(0, top)
    .map(({ state, total, airports, busiest }) => [
      state,
      number(airports),
      number(total),
      `${busiest?.[0]} ${number(busiest?.[1] ?? 0)}`,
    ]);
  return answer({
    question: `Which states have the most departures? (${number(routes.length)} routes, paged)`,
    head: ['State', 'Airports', 'Departures', 'Busiest airport'],
    rightFrom: 1,
    rows,
    startedAt,
  });
}

/** Both ends of each route come with it: one request, one statement. */
export async function routesOf(api: DemoApi, iata: string, top: number): Promise<string> {
  const startedAt = performance.now();
  const routes = await api.list(routePath, {
    'filter[origin]': iata,
    sort: '-count',
    limit: String(top),
    include: 'origin,destination',
  });
  const rows = routes.map((route) => {
    const origin = route['origin'] as Airport;
    const destination = route['destination'] as Airport;
    return [
      `${destination.iata} ${destination.name}`,
      [destination.city, destination.state].filter((part) => part !== null).join(', '),
      number(distanceKm(origin.position, destination.position)),
      number(Number(route['count'])),
    ];
  });
  const origin = routes[0]?.['origin'] as Airport | undefined;
  return answer({
    question: `Where do flights from ${origin?.name ?? iata} go? (include=origin,destination)`,
    head: ['To', 'City', 'km', 'Flights'],
    rightFrom: 2,
    rows,
    startedAt,
  });
}

/** The nearest airports, by a filter on the geopoint. */
export async function fieldsAround(api: DemoApi, iata: string, km: number): Promise<string> {
  const startedAt = performance.now();
  const [centre] = await api.list(airportPath, { 'filter[iata]': iata });
  const { name, position } = centre as unknown as Airport;
  const near = await api.list(airportPath, {
    'filter[position][within_km]': `${position.lat},${position.lon},${km}`,
  });
  const rows = (near as unknown as Airport[])
    .filter((airport) => airport.iata !== iata)
    .map((airport) => ({ airport, distance: distanceKm(position, airport.position) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 6)
    .map(({ airport, distance }) => [`${airport.iata} ${airport.name}`, number(distance)]);
  return answer({
    question: `Which airfields are within ${km} km of ${name}?`,
    head: ['Airport', 'km'],
    rightFrom: 1,
    rows,
    startedAt,
  });
}

/** The same two lists, asked by two actors: rows by region, and a field that only one may see. */
export async function whoSeesWhat(api: DemoApi, keys: ActorKeys): Promise<string> {
  const startedAt = performance.now();
  const rows: string[][] = [];
  for (const [actor, key] of [
    ['erika, buyer for EMEA', keys.erika],
    ['carlos, controller', keys.carlos],
  ] as const) {
    const orders = await api.list(orderPath, { sort: 'po_number' }, key);
    const suppliers = await api.list(supplierPath, { sort: 'supplier_code' }, key);
    rows.push([actor, listed(orders, 'po_number'), listed(suppliers, 'credit_limit')]);
  }
  return answer({
    question: 'Who sees what of samples/procurement?',
    head: ['Actor', 'Orders', 'Credit limits'],
    rightFrom: 3,
    rows,
    startedAt,
  });
}

function listed(records: readonly DemoRecord[], field: string): string {
  const values = records.map((record) => record[field]).filter((value) => value !== undefined);
  return values.length === 0 ? '(hidden)' : values.join('\n');
}

interface Answer {
  readonly question: string;
  readonly head: string[];
  /** Columns from here on are numbers. */
  readonly rightFrom: number;
  readonly rows: readonly string[][];
  readonly startedAt: number;
}

function answer({ question, head, rightFrom, rows, startedAt }: Answer): string {
  const took = Math.round(performance.now() - startedAt);
  const table = new Table({
    head,
    colAligns: head.map((_, column) => (column < rightFrom ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  table.push(...rows);
  return `${question}  ${took} ms\n${table}\n`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Great-circle distance by the haversine formula (Sinnott, 1984). */
function distanceKm(a: Airport['position'], b: Airport['position']): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const halfChord =
    Math.sin(radians(b.lat - a.lat) / 2) ** 2 +
    Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(radians(b.lon - a.lon) / 2) ** 2;
  return 2 * earthRadiusKm * Math.asin(Math.sqrt(halfChord));
}
