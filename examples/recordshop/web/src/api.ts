import postgrestProvider from '@raphiniert/ra-data-postgrest';
import { fetchUtils, HttpError, type DataProvider } from 'react-admin';
import type { SignIn } from './signIn';

/** The keys of the tables as the API shows them: the tenant is in none of them. */
const primaryKeys = new Map([
  ['album', ['album_id']],
  ['artist', ['artist_id']],
  ['customer', ['customer_id']],
  ['genre', ['genre_id']],
  ['invoice', ['invoice_id']],
  ['invoice_line', ['invoice_line_id']],
  ['playlist', ['playlist_id']],
  ['playlist_track', ['playlist_id', 'track_id']],
  ['track', ['track_id']],
]);

/** What the one search field of a list looks through. */
const searched: Record<string, string[]> = {
  album: ['title'],
  artist: ['name'],
  customer: ['first_name', 'last_name', 'company', 'email', 'city', 'country'],
  invoice: ['billing_city', 'billing_country'],
  playlist: ['name'],
  track: ['name', 'composer'],
};

/** react-admin's `q` as a filter of PostgREST's: the words as they are, anywhere in one of the columns. */
function withSearch(resource: string, filter: Record<string, unknown>): Record<string, unknown> {
  const { q, ...others } = filter;
  if (typeof q !== 'string' || q.trim() === '') return others;
  const quoted = `"*${q.trim().replace(/[\\"]/g, '\\$&')}*"`;
  const columns = searched[resource].map(column => `${column}.ilike.${quoted}`);
  // An operator that is left empty makes the data provider take the text as it is.
  return { ...others, 'or@': `(${columns.join(',')})` };
}

interface ErrorBody {
  message?: string;
  details?: string | null;
  hint?: string | null;
  title?: string;
  detail?: string;
}

/** Errors of the data API and problem documents (RFC 9457), in words for the one who sees them. */
function explained(error: HttpError): HttpError {
  const body = (error.body ?? {}) as ErrorBody;
  const parts = [body.message ?? body.detail ?? body.title ?? error.message, body.details, body.hint];
  const text = [...new Set(parts.filter(Boolean))].join(' — ');
  return new HttpError(text || `The server answered ${error.status}`, error.status, error.body);
}

interface Order {
  customer_id: number;
  lines: { track_id: number; quantity: number }[];
}

export function dataProviderFor(signIn: SignIn): DataProvider {
  const call = async (url: string, options: fetchUtils.Options = {}) => {
    const headers = new Headers(options.headers);
    const token = await signIn.accessToken();
    if (token) headers.set('Authorization', `Bearer ${token}`);
    try {
      return await fetchUtils.fetchJson(url, { ...options, headers });
    } catch (error) {
      throw error instanceof HttpError ? explained(error) : error;
    }
  };

  const provider = postgrestProvider({
    apiUrl: '/rest/v1',
    httpClient: call,
    defaultListOp: 'eq',
    primaryKeys,
    schema: () => '',
  });

  /** An invoice and its lines are made together, by the product's own handler (checkout.cpp). */
  const checkOut = async (order: Order) => {
    const body = JSON.stringify({
      customer_id: order.customer_id,
      lines: order.lines.map(({ track_id, quantity }) => ({ track_id, quantity })),
    });
    const { json } = await call('/v1/checkout', { method: 'POST', body });
    return { data: { ...json, id: json.invoice_id } };
  };

  return {
    ...provider,
    getList: (resource, params) =>
      provider.getList(resource, { ...params, filter: withSearch(resource, params.filter ?? {}) }),
    create: ((resource, params) =>
      resource === 'invoice' ? checkOut(params.data as Order) : provider.create(resource, params)) as DataProvider['create'],
  };
}
