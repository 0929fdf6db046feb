// A client made of the documents by openapi-typescript and openapi-fetch: node out/client.js SHOP AGENCY, each "URL TOKEN".
// What the documents say is what TypeScript knows: a line that must not compile has @ts-expect-error before it.
import createClient from 'openapi-fetch';
import type { components, paths as Shop } from './shop.js';
import type { paths as ViewersShop } from './viewer.js';
import type { paths as Agency } from './agency.js';

declare const process: { argv: string[] };
const [shopUrl = '', shopToken = '', agencyUrl = '', agencyToken = ''] = process.argv.slice(2);
type Media = 'application/json' | 'application/problem+json';
const options = (baseUrl: string, token: string) => ({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const shop = createClient<Shop, Media>(options(shopUrl, shopToken));
const agency = createClient<Agency, Media>(options(agencyUrl, agencyToken));

let calls = 0;
function equal(got: unknown, wanted: unknown, answer?: unknown) {
  ++calls;
  if (JSON.stringify(got) !== JSON.stringify(wanted))
    throw new Error(`check ${calls}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}: ${JSON.stringify(answer)}`);
}

// A list, its filters and its columns' types.
type Artist = components['schemas']['artist'];
const listed = await shop.GET('/rest/v1/artist', { params: { query: { artist_id: 'lt.4', order: 'artist_id.desc', limit: 2 } } });
const artists: Artist[] = listed.data ?? [];
equal(artists.map(artist => artist.artist_id), [3, 2], listed);
const name: string = artists[0]?.name ?? '';
equal(name, 'ACME artist 3');
const counted = await shop.GET('/rest/v1/track', { params: { query: { or: '(track_id.eq.1,track_id.eq.2)', select: 'track_id' }, header: { Prefer: 'count=exact' } } });
equal(counted.response.headers.get('content-range'), '0-1/2');
const composers: (string | null)[] = counted.data?.map(track => track.composer) ?? [];
equal(composers.length, 2);

// What is written.
const made = await shop.POST('/rest/v1/artist', { params: { header: { Prefer: 'return=representation' } }, body: { name: 'Made by TypeScript' } });
equal(made.response.status, 201, made.error);
const id: number = made.data?.[0]?.artist_id ?? 0;
const changed = await shop.PATCH('/rest/v1/artist', { params: { query: { artist_id: `eq.${id}` } }, body: { name: 'Changed' } });
equal(changed.response.status, 204, changed.error);
const gone = await shop.DELETE('/rest/v1/artist', { params: { query: { artist_id: `eq.${id}` }, header: { Prefer: 'return=representation' } } });
equal(gone.data?.map(artist => artist.name), ['Changed'], gone.error);

// Handlers.
const bought = await shop.POST('/v1/checkout', { body: { customer_id: 1, lines: [{ track_id: 1, quantity: 2 }] } });
equal(bought.response.status, 201, bought.error);
const invoice = await shop.GET('/v1/invoices/{invoice_id}', { params: { path: { invoice_id: String(bought.data?.invoice_id) }, query: { lines: true } } });
equal(invoice.data?.lines?.[0]?.quantity, 2, invoice.error);

// Errors.
const refused = await shop.GET('/rest/v1/artist', { params: { query: { artist_id: 'nonsense' } } });
equal(refused.error?.code, 'PGRST100', refused);
const problem = await shop.POST('/v1/checkout', { body: { customer_id: 0, lines: [] } });
equal(problem.error?.status, 400, problem);

// Functions.
const sum = await agency.POST('/rest/v1/rpc/add_up', { body: { a: 1, b: 2 } });
const three: number | null = sum.data ?? null;
equal(three, 3, sum.error);
const greeting = await agency.GET('/rest/v1/rpc/greet', { params: { query: { name: 'Ann' } } });
equal(greeting.data, 'Hello, Ann', greeting.error);
const since = await agency.GET('/rest/v1/rpc/clients_since', { params: { query: { first: 2, order: 'id' } } });
equal(since.data?.map(client => client.name), ['Birch', 'Cedar'], since.error);

// What is not so.
const never = false as boolean;
if (never) {
  // @ts-expect-error: there is no such relation
  await shop.GET('/rest/v1/nosuch');
  // @ts-expect-error: a name is required
  await shop.POST('/rest/v1/artist', { body: {} });
  // @ts-expect-error: a name is no number
  await shop.POST('/rest/v1/artist', { body: { name: 1 } });
  // @ts-expect-error: the tenant is nobody's to say
  const told: components['schemas']['artist.insert'] = { name: 'x', tenant_id: 'y' };
  await shop.POST('/rest/v1/artist', { body: told });
  // @ts-expect-error: tables that all tenants share are read
  await shop.POST('/rest/v1/genre', { body: { name: 'x' } });
  // @ts-expect-error: an argument is missing
  await agency.POST('/rest/v1/rpc/add_up', { body: { a: 1 } });
  const viewer = createClient<ViewersShop, Media>({});
  await viewer.GET('/rest/v1/artist');
  // @ts-expect-error: a viewer writes nothing
  await viewer.POST('/rest/v1/artist', { body: { name: 'x' } });
}
console.log(`checks: ${calls}`);
