// One operation as it goes: the control API's events, read with the operator's token and shown. The token stays in this tab
// (sessionStorage), goes to this server alone, and stands in no address.
const id = location.pathname.split('/').pop();
const here = `${location.origin}/console/operations/${id}`;
const issuer = '/dev/issuer/.well-known/openid-configuration';
const client = 'bulkhead-dev-page';
// Of a move, whose one long step has phases.
const phases = ['prepare', 'copy', 'catch_up', 'verify', 'fence', 'switch'];
const alsoCalled = { claim: 'prepare' };

const field = name => document.getElementById(name);
const number = value => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
const count = value => value.toLocaleString('en', { maximumFractionDigits: 0 });

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
  return `${value.toLocaleString('en', { maximumFractionDigits: at ? 1 : 0 })} ${units[at]}`;
}

function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** A line of the list; without a text it is not there. */
function fact(name, text) {
  field(name).textContent = text ?? '';
  field(name).parentElement.hidden = text === undefined;
}

// What a step was called, as far as it was seen here.
const names = new Map();

function showSteps(operation, phase) {
  const known = operation.kind === 'move' && phase !== undefined;
  const found = phases.indexOf(alsoCalled[phase] ?? phase);
  // What comes after the last of them (clean, finish) is behind them all.
  const at = !known ? operation.steps_done : operation.step === 'finish' || found < 0 ? phases.length : found;
  if (operation.step && !known) names.set(operation.steps_done, operation.step);
  const all = known ? phases : Array.from({ length: operation.steps_total }, (_, place) => names.get(place) ?? `step ${place + 1}`);
  field('steps').replaceChildren(...all.map((name, place) => {
    const item = document.createElement('li');
    item.textContent = name.replaceAll('_', ' ');
    const current = place === at && operation.state !== 'done' && operation.state !== 'cancelled';
    if (current) item.setAttribute('aria-current', 'step');
    else if (place < at || operation.state === 'done') item.dataset.at = 'done';
    return item;
  }));
}

function showRows(operation, progress) {
  const [done, total, rate] = [progress.rows_done, progress.rows_total, progress.rows_per_s].map(number);
  field('rows').hidden = done === undefined;
  if (done !== undefined) {
    // Rows may have come after they were counted.
    if (total > 0) field('bar').value = Math.min(1, done / total);
    else field('bar').removeAttribute('value');
    const size = number(progress.bytes_done);
    field('copied').textContent = `${count(done)}${total === undefined ? '' : ` of ${count(total)}`} rows${size === undefined ? '' : `, ${bytes(size)}`}`;
  }
  const running = operation.state === 'running';
  fact('rate', rate === undefined ? undefined : `${count(rate)} rows/s`);
  fact('left', running && rate > 0 && total > done ? duration((total - done) / rate) : undefined);
}

function showTables(tables) {
  const rows = (Array.isArray(tables) ? tables : []).map(table => {
    const row = document.createElement('tr');
    const done = typeof table.done === 'boolean' ? (table.done ? '✓' : '') : number(table.done) === undefined ? '' : count(table.done);
    for (const text of [table.name ?? '', number(table.rows) === undefined ? '' : count(table.rows), done]) row.insertCell().textContent = text;
    return row;
  });
  field('each-table').replaceChildren(...rows);
  field('tables').hidden = rows.length === 0;
}

function show(operation) {
  const progress = operation.progress ?? {};
  const title = `${operation.kind} of ${operation.subject}`;
  document.title = `${operation.state}: ${title}`;
  field('title').textContent = title;
  field('state').textContent = operation.state;
  field('state').dataset.state = operation.state;
  field('step').textContent = operation.steps_total ? `${operation.steps_done} of ${operation.steps_total} steps done${operation.step ? `, at ${operation.step}` : ''}` : '';
  showSteps(operation, progress.phase);
  showRows(operation, progress);
  showTables(progress.tables);
  const [lag, pause] = [number(progress.lag_bytes), number(progress.pause_ms)];
  fact('lag', lag === undefined ? undefined : bytes(lag));
  fact('pause', pause === undefined ? undefined : `${pause.toLocaleString('en', { maximumFractionDigits: 1 })} ms`);
  fact('due', operation.state === 'pending' ? operation.due : undefined);
  fact('actor', operation.actor || undefined);
  fact('made', operation.made_at);
  fact('updated', operation.updated_at);
  const [error, ...hint] = (operation.error ?? '').split(' → ');
  field('failure').hidden = !error;
  field('error').textContent = error;
  field('hint').textContent = hint.join(' → ');
  field('operation').hidden = false;
}

/** The server does not let us: somebody else must be asked for, or another address. */
class Refused extends Error {}

/** The events of a stream, as they come. */
async function* events(body) {
  let text = '';
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n').filter(line => !line.startsWith(':'));
      text = text.slice(end + 2);
      if (lines.length) yield Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
    }
  }
}

const words = problem => `${problem.status}: ${problem.detail ?? problem.title}${problem.hint ? ` (${problem.hint})` : ''}`;

/** Reads one stream to its end; true: the operation is at its end. `last` keeps what was seen. */
async function read(token, last, signal) {
  const headers = { Authorization: `Bearer ${token}`, Accept: 'text/event-stream' };
  if (last.id) headers['Last-Event-ID'] = last.id;
  const response = await fetch(`/control/v1/operations/${encodeURIComponent(id)}/events`, { headers, signal, cache: 'no-store' });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    const error = response.status < 500 ? new Refused(words({ status: response.status, ...problem })) : new Error(words({ status: response.status, ...problem }));
    throw error;
  }
  field('caller').hidden = true;
  field('link').textContent = 'live';
  for await (const event of events(response.body)) {
    last.failures = 0;
    if (event.event === 'problem') throw new Refused(words(JSON.parse(event.data)));
    if (event.event !== 'operation') continue;
    last.id = event.id;
    last.operation = JSON.parse(event.data);
    show(last.operation);
  }
  return last.operation !== undefined && !['pending', 'running'].includes(last.operation.state);
}

let following;

async function follow(token) {
  following?.abort();
  const mine = (following = new AbortController());
  sessionStorage.setItem('console.token', token);
  const last = { failures: 0 };
  while (!mine.signal.aborted) {
    try {
      if (await read(token, last, mine.signal)) return (field('link').textContent = 'ended');
    } catch (error) {
      if (mine.signal.aborted) return undefined;
      if (error instanceof Refused) return ask(error.message);
      last.failures += 1;
      field('link').textContent = `not connected: ${error.message}`;
    }
    // The server restarts, or the token ends and is refused next.
    await new Promise(resolve => setTimeout(resolve, Math.min(10_000, 500 * 2 ** last.failures)));
  }
  return undefined;
}

/** Asks who is there. */
function ask(why) {
  sessionStorage.removeItem('console.token');
  field('link').textContent = '';
  field('message').textContent = why;
  field('caller').hidden = false;
}

// Signing in at the development issuer, which `bulkhead dev` alone has: the authorization code flow with PKCE (RFC 7636).
const base64url = some => btoa(String.fromCharCode(...new Uint8Array(some))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
const chance = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function signIn(endpoints) {
  const [verifier, state] = [chance(), chance()];
  sessionStorage.setItem('console.flow', JSON.stringify({ verifier, state }));
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  location.assign(`${endpoints.authorization_endpoint}?${new URLSearchParams({
    response_type: 'code', client_id: client, redirect_uri: here, scope: 'openid profile', state, nonce: chance(),
    code_challenge: challenge, code_challenge_method: 'S256',
  })}`);
}

/** The token for the code that the issuer sent along, if it was this tab that asked for one. */
async function finishSignIn(endpoints) {
  const given = new URLSearchParams(location.search);
  const flow = JSON.parse(sessionStorage.getItem('console.flow') ?? 'null');
  if (!given.has('state')) return undefined;
  sessionStorage.removeItem('console.flow');
  history.replaceState(null, '', here);
  if (given.get('state') !== flow?.state || !given.has('code')) return undefined;
  const body = new URLSearchParams({
    grant_type: 'authorization_code', client_id: client, redirect_uri: here, code: given.get('code'), code_verifier: flow.verifier,
  });
  const response = await fetch(endpoints.token_endpoint, { method: 'POST', body });
  return response.ok ? (await response.json()).access_token : undefined;
}

async function start() {
  field('caller').addEventListener('submit', event => {
    event.preventDefault();
    const token = field('token').value.trim();
    field('token').value = '';
    if (token) follow(token);
  });
  let token = sessionStorage.getItem('console.token');
  // Whether there is such an issuer is asked for on this machine alone: elsewhere the answer is known.
  const local = /^(.*\.)?localhost$|^127\.0\.0\.1$|^\[::1\]$/.test(location.hostname);
  const found = local ? await fetch(issuer) : undefined;
  const endpoints = found?.ok ? await found.json() : {};
  if (endpoints.token_endpoint) {
    field('sign-in').hidden = false;
    field('sign-in').addEventListener('click', () => signIn(endpoints));
    token = (await finishSignIn(endpoints)) ?? token;
  }
  if (token) await follow(token);
  else ask('A token says who you are: paste an operator’s, of your issuer or of `bulkhead token --operator`.');
}

await start();
